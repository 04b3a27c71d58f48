"""Which saved views a caller is shown. What a view shows is asked anew by whoever opens it, within their projects."""

from django.db.models import Q, QuerySet

from apps.access.domain.identity import Caller, Role
from controlplane.models import SavedView, StartView

SIGN_IN = ""
"""What stands for the path of a page where a person chose the view that signing in leads to."""


def views_of(caller: Caller) -> QuerySet[SavedView]:
    """The caller's own views, and shared ones that speak of no project the caller may not see, by name."""
    return _within(caller).filter(deleted_at=None).order_by("name", "id").select_related("owner")


def deleted_views_of(caller: Caller) -> QuerySet[SavedView]:
    """Deleted views that this caller may put back, newest first."""
    rows = _within(caller).exclude(deleted_at=None).order_by("-deleted_at", "-id")
    return rows if caller.has_role(Role.ADMIN) else rows.filter(owner_id=caller.user_id)


def may_change(caller: Caller, view: SavedView) -> bool:
    """Its owner may, and an admin if it is shared."""
    is_own = view.owner_id is not None and view.owner_id == caller.user_id
    return is_own or (view.is_shared and caller.has_role(Role.ADMIN))


def start_urls(person_id: int) -> dict[str, str]:
    """Where pages open for a person who chose a start view, by the path of the page; under "" after signing in."""
    starts = StartView.objects.filter(person_id=person_id, view__deleted_at=None).select_related(
        "view__owner", "person"
    )
    shown = [start for start in starts if start.view.owner_id == person_id or _is_shown(start)]
    return {start.path: start.view.url for start in shown}


def start_ids(caller: Caller) -> tuple[set[int], set[int]]:
    """The views with which pages open for this caller, and the one that signing in leads to."""
    chosen = StartView.objects.filter(person_id=caller.user_id).values_list("path", "view_id")
    return {view for path, view in chosen if path != SIGN_IN}, {view for path, view in chosen if path == SIGN_IN}


def _within(caller: Caller) -> QuerySet[SavedView]:
    own, shared = Q(owner_id=caller.user_id, owner__isnull=False), Q(is_shared=True)
    if caller.project_ids is None:
        return SavedView.objects.filter(own | shared)
    seen = Q(project_ids__contained_by=sorted(caller.project_ids))
    # What people wrote themselves they know; a key that is bound to a project need not know all that its maker does.
    return SavedView.objects.filter((own & seen if caller.kind == "key" else own) | (shared & seen))


def _is_shown(start: StartView) -> bool:
    """A shared view may have been made private, or a person limited, after it was chosen."""
    view, limit = start.view, start.person.project_limit
    return view.is_shared and (limit is None or (view.project_ids is not None and set(view.project_ids) <= limit))
