"""Saving, changing and deleting views. Each act is one audit entry, and deleting can be undone."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import Q
from django.utils import timezone

from apps.access.domain.errors import Conflict, NotAllowed, Refused
from apps.access.domain.identity import Caller
from apps.access.models import Project
from apps.access.services import audit
from apps.costs.selectors.reporting import reporting_zone
from controlplane.models import VIEW_NAME_LENGTH, SavedView, StartView
from controlplane.saved.kinds import Seen, seen
from controlplane.saved.selectors import SIGN_IN, deleted_views_of, may_change, views_of

LONGEST_QUERY = 4000
DELETED_KEPT = timedelta(days=30)


@transaction.atomic
def save_view(
    *, caller: Caller, name: str, url: str, is_shared: bool = False, is_start: bool = False, replace: bool = False
) -> SavedView:
    """Keep the state of an address under a name; saving the same again returns what stands.

    Raises Refused for an address or name that makes no sense, Conflict if the owner has a view of that name and
    `replace` is not said, NotAllowed for a caller behind whom no person stands.
    """
    person_id, state, name = _person(caller), _state(url), _name(name)
    standing = SavedView.objects.select_for_update().filter(
        owner_id=person_id, name__iexact=name, deleted_at=None
    ).first()  # fmt: skip
    if standing is not None:
        return _saved_again(caller, standing, state, is_shared=is_shared, is_start=is_start, replace=replace)
    if SavedView.objects.filter(owner_id=person_id, deleted_at=None).count() >= settings.MAX_VIEWS:
        raise Refused(
            f"One person keeps at most {settings.MAX_VIEWS} views (BURSAR_MAX_VIEWS); delete one first.",
            code="too_many_views",
        )
    view = SavedView(name=name, owner_id=person_id, created_by=caller.actor, is_shared=is_shared)
    _place(caller, view, state)
    _store(view)
    if is_start:
        _start(person_id, view, view.path)
    _note(caller, "view.saved", view, after=_told(view) | ({"start": True} if is_start else {}))
    return view


@transaction.atomic
def change_view(
    *,
    caller: Caller,
    view_id: int,
    name: str | None = None,
    url: str | None = None,
    is_shared: bool | None = None,
    version: int | None = None,
) -> SavedView:
    """Rename a view, share it or take it back, or let it stand for another state; None leaves a thing as it is.

    Raises SavedView.DoesNotExist, NotAllowed, Refused, and Conflict if `version` is not the newest any more.
    """
    view = _changeable(caller, view_id)
    if version is not None and version != view.version:
        raise Conflict("Somebody changed this view meanwhile. Nothing was saved; look again.", code="changed")
    before = _told(view)
    view.name = view.name if name is None else _name(name)
    view.is_shared = view.is_shared if is_shared is None else is_shared
    _place(caller, view, _state(view.url if url is None else url))
    if _told(view) == before:
        return view
    _refuse_same_name(view)
    _store(view)
    _note(caller, "view.changed", view, before=before, after=_told(view))
    return view


@transaction.atomic
def delete_view(*, caller: Caller, view_id: int) -> SavedView:
    """Delete a view; for 30 days it can be put back. Raises SavedView.DoesNotExist and NotAllowed."""
    view = _changeable(caller, view_id)
    view.deleted_at = timezone.now()
    _store(view)
    _note(caller, "view.deleted", view, before=_told(view))
    past = Q(deleted_at__lt=timezone.now() - DELETED_KEPT) | Q(owner=None, is_shared=False)
    SavedView.objects.filter(past).delete()
    return view


@transaction.atomic
def restore_view(*, caller: Caller, view_id: int) -> SavedView:
    """Undo a deletion. Raises SavedView.DoesNotExist, NotAllowed, and Conflict if the name is taken by now."""
    view = (views_of(caller) | deleted_views_of(caller)).select_for_update(of=("self",)).get(id=view_id)
    if not may_change(caller, view):
        raise NotAllowed("Only its owner may, or an admin if the view is shared.", code="not_yours")
    if view.deleted_at is not None:
        view.deleted_at = None
        _refuse_same_name(view)
        _store(view)
        _note(caller, "view.restored", view, after=_told(view))
    return view


@transaction.atomic
def choose_start(*, caller: Caller, view_id: int, is_start: bool, after_sign_in: bool = False) -> SavedView:
    """Let its page open with a view for this person, or with its plain state again. Raises SavedView.DoesNotExist.

    With `after_sign_in` it is what signing in leads to, or the plain Overview again.
    """
    person_id = _person(caller)
    view = views_of(caller).get(id=view_id)
    path = SIGN_IN if after_sign_in else view.path
    was = StartView.objects.filter(person_id=person_id, path=path).first()
    if is_start == (was is not None and was.view_id == view.pk):
        return view
    if is_start:
        _start(person_id, view, path)
    elif was is not None:
        was.delete()
    before = {"view": was.view_id} if was else None
    after = {"view": view.pk, "opens": path or "after signing in"} if is_start else None
    _note(caller, "view.start_chosen", view, before=before, after=after)
    return view


def _person(caller: Caller) -> int:
    if caller.user_id is None:
        raise NotAllowed("Views belong to people; behind this key stands nobody any more.", code="needs_person")
    return caller.user_id


def _state(url: str) -> Seen:
    state = seen(url, reporting_zone())
    if state is None:
        raise Refused("This is not an address of a page whose views can be saved.", code="no_view", path="url")
    if len(state.query) > LONGEST_QUERY:
        raise Refused("This view has too many filters to be saved.", code="too_long", path="url")
    return state


def _name(name: str) -> str:
    name = " ".join(name.replace("\0", "").split())
    if not 0 < len(name) <= VIEW_NAME_LENGTH:
        raise Refused(f"A name has 1 to {VIEW_NAME_LENGTH} characters.", code="invalid", path="name")
    return name


def _place(caller: Caller, view: SavedView, state: Seen) -> None:
    """Sets what a view stands for, and whom its name and filters may be shown to, by what its writer knows."""
    view.path, view.query = state.state.path, state.query
    named = set(dict(state.state.filters).get("project", ()))
    if named:
        found = set(Project.objects.standing().filter(name__in=named).values_list("id", "name"))
        is_known = {name for _, name in found} == named
        view.project_ids = sorted(project_id for project_id, _ in found) if is_known else None
    else:
        view.project_ids = None if caller.project_ids is None else sorted(caller.project_ids)


def _saved_again(
    caller: Caller, view: SavedView, state: Seen, *, is_shared: bool, is_start: bool, replace: bool
) -> SavedView:
    before = _told(view)
    view.is_shared = is_shared
    _place(caller, view, state)
    is_other = _told(view) != before
    if is_other and not replace:
        raise Conflict(f"You have a view \u201c{view.name}\u201d already.", code="name_taken", path="name")
    was_start = StartView.objects.filter(person_id=view.owner_id, view=view).exists()
    if is_start and not was_start and view.owner_id is not None:
        _start(view.owner_id, view, view.path)
    if is_other:
        _store(view)
    if is_other or (is_start and not was_start):
        _note(caller, "view.changed", view, before=before, after=_told(view) | {"start": is_start or was_start})
    return view


def _changeable(caller: Caller, view_id: int) -> SavedView:
    view = views_of(caller).select_for_update(of=("self",)).get(id=view_id)
    if not may_change(caller, view):
        raise NotAllowed("Only its owner may, or an admin if the view is shared.", code="not_yours")
    return view


def _refuse_same_name(view: SavedView) -> None:
    others = SavedView.objects.filter(owner_id=view.owner_id, name__iexact=view.name, deleted_at=None)
    if view.owner_id is not None and others.exclude(pk=view.pk).exists():
        raise Conflict(f"There is a view \u201c{view.name}\u201d already.", code="name_taken", path="name")


def _store(view: SavedView) -> None:
    if view.pk is not None:
        view.version += 1
        view.changed_at = timezone.now()
    try:
        with transaction.atomic():
            view.save()
    except IntegrityError as error:
        raise Conflict(f"There is a view \u201c{view.name}\u201d already.", code="name_taken", path="name") from error


def _start(person_id: int, view: SavedView, path: str) -> None:
    StartView.objects.update_or_create(person_id=person_id, path=path, defaults={"view": view})


def _told(view: SavedView) -> dict[str, Any]:
    return {"name": view.name, "url": view.url, "is_shared": view.is_shared, "project_ids": view.project_ids}


def _note(
    caller: Caller,
    action: str,
    view: SavedView,
    *,
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
) -> None:
    only = view.project_ids[0] if view.project_ids is not None and len(view.project_ids) == 1 else None
    audit.record(caller=caller, action=action, obj=view, before=before, after=after, project_id=only)
