"""The editor of a draft, and the page that shows what publishing it would change."""

from typing import Any

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST

from apps.access.domain.errors import Conflict, Refused
from apps.access.domain.identity import Role
from apps.access.pages import PageRequest, page, see_other
from apps.routing.charts import ruler
from apps.routing.domain.policy import PolicyError, policy_of
from apps.routing.domain.policy_diff import differences
from apps.routing.forms.policy import document_of_post, moved, rows_of
from apps.routing.models import PolicyVersion
from apps.routing.selectors.policies import checked, current_version
from apps.routing.selectors.what_if import preview_draft
from apps.routing.services import policies
from apps.routing.services.conversation_budgets import change_ahead
from apps.routing.views.tabs import tabs
from apps.routing.views.tiers import STRATEGIES
from apps.routing.views.versions import budget_told, told

MOST_NAMED = 5


@page(role=Role.ADMIN)
@require_http_methods(["GET", "HEAD", "POST"])
def draft(request: PageRequest, draft_id: int) -> HttpResponse:
    """The form of a draft. Its buttons add, remove and move rows without saving; Save keeps what it says."""
    row = _draft(draft_id)
    if request.method != "POST":
        return _form(request, row, row.document)
    try:
        document = document_of_post(request.POST.dict(), row.document)
        act = request.POST.get("act", "save")
        if act not in ("save", "publish"):
            return _form(request, row, moved(document, act))
        note = request.POST.get("note", "")
        policies.change_draft(
            caller=request.caller, draft_id=row.pk, document=document, note=note, seen=request.POST.get("seen")
        )
    except PolicyError as error:
        # What cannot be read cannot be drawn: the page shows what is kept, and its script what was typed.
        return _form(request, row, row.document, complaint=str(error), status=422, is_unread=True)
    except Conflict as refusal:
        if refusal.code != "changed_meanwhile":
            return _form(request, row, document, complaint=refusal.message, status=422)
        row = _draft(draft_id)
        complaint = f"{refusal.message} {_otherwise(row, document)} Save again to put what you typed in its place."
        return _form(request, row, document, complaint=complaint, status=422, seen=policies.seen_as(row))
    except Refused as refusal:
        where = f" ({refusal.path})" if refusal.path else ""
        return _form(request, row, document, complaint=f"{refusal.message}{where}", status=422)
    if act == "publish":
        return see_other("routing:publish", row.pk)
    messages.success(request, "The draft is saved. Agents see nothing of it until it is published.")
    return see_other("routing:draft", row.pk)


@page(role=Role.ADMIN)
@require_http_methods(["GET", "HEAD", "POST"])
def publish(request: PageRequest, draft_id: int) -> HttpResponse:
    """What publishing would change: differences, problems, and the last seven days' decisions asked again."""
    row = _draft(draft_id)
    if request.method == "POST":
        try:
            version = policies.publish(
                caller=request.caller, draft_id=row.pk, now=timezone.now(), seen=request.POST.get("seen")
            )
        except Refused as refusal:
            messages.error(request, f"Nothing was published. {refusal.message}")
            return see_other("routing:publish", row.pk)
        messages.success(request, f"Version {version.version} is in force. Agents see it within a minute.")
        return see_other("routing:tiers")
    now, current = timezone.now(), current_version()
    policy, problems = checked(row.document, now=now)
    context: dict[str, Any] = {
        "tabs": tabs("routing:versions", request.caller),
        "row": row,
        "seen": policies.seen_as(row),
        "current": current,
        "changes": told(differences(current.document if current else {}, row.document)),
        "problems": problems,
        "blocked": any(problem.blocks for problem in problems),
        "budget": budget_told(change_ahead(before=current.document if current else None, document=row.document)),
    }
    if current is not None and not context["blocked"]:
        preview = preview_draft(policy_of(current.document), policy, now=now, project_ids=request.caller.project_ids)
        moves = sorted(preview.told.moves.items(), key=lambda one: -one[1])
        context |= {
            "preview": preview,
            "moves": [{"before": before, "after": after, "count": count} for (before, after), count in moves],
        }
    return render(request, "routing/publish.html", context)


@page(role=Role.ADMIN)
@require_POST
def discard(request: PageRequest, draft_id: int) -> HttpResponse:
    """Takes a draft away, until somebody brings it back."""
    row = _draft(draft_id)
    policies.discard_draft(caller=request.caller, draft_id=row.pk, now=timezone.now())
    messages.success(request, f"Draft {draft_id} is discarded. Below you can bring it back.")
    return see_other("routing:versions")


@page(role=Role.ADMIN)
@require_POST
def bring_back(request: PageRequest, draft_id: int) -> HttpResponse:
    """Undoes a discard."""
    if not PolicyVersion.objects.discarded().filter(pk=draft_id).exists():
        raise Http404
    policies.bring_back(caller=request.caller, draft_id=draft_id)
    messages.success(request, f"Draft {draft_id} is back.")
    return see_other("routing:draft", draft_id)


def _draft(draft_id: int) -> PolicyVersion:
    row = PolicyVersion.objects.drafts().filter(pk=draft_id).first()
    if row is None:
        raise Http404
    return row


def _otherwise(row: PolicyVersion, document: dict[str, Any]) -> str:
    """Where a draft stands otherwise than what was typed."""
    paths = [change.path for change in differences(row.document, document)]
    more = f" and {len(paths) - MOST_NAMED} more" if len(paths) > MOST_NAMED else ""
    return f"It stands otherwise in {', '.join(paths[:MOST_NAMED])}{more}." if paths else "It says the same as yours."


def _form(
    request: PageRequest,
    row: PolicyVersion,
    document: dict[str, Any],
    complaint: str = "",
    status: int = 200,
    *,
    seen: str = "",
    is_unread: bool = False,
) -> HttpResponse:
    context = {
        "seen": seen or request.POST.get("seen") or policies.seen_as(row),
        "is_unread": is_unread,
        "tabs": tabs("routing:versions", request.caller),
        "row": row,
        "document": document,
        "form": rows_of(document),
        "names": [tier["name"] for tier in document["tiers"]],
        "strategies": STRATEGIES.items(),
        "at_choices": (("exactly", "exactly"), ("least", "at least"), ("most", "at most")),
        "ruler": ruler([(tier["name"], tier["upper"]) for tier in document["tiers"]]),
        "problems": _problems(document),
        "complaint": complaint,
        "note": request.POST.get("note", row.note),
    }
    return render(request, "routing/draft.html", context, status=status)


def _problems(document: dict[str, Any]) -> Any:
    try:
        return checked(document, now=timezone.now())[1]
    except PolicyError:
        return ()
