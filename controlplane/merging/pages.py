"""The page that merges an agent into another: choose, look at what it would do, merge."""

from http import HTTPStatus

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_http_methods

from apps.access.domain.errors import Conflict, Refused
from apps.access.domain.identity import Role
from apps.access.models import Agent
from apps.access.pages import PageRequest, page, see_other
from apps.access.selectors.places import agents_of
from controlplane.merging.forms import IntoForm
from controlplane.merging.preview import Preview, preview
from controlplane.merging.services import merge_as_previewed


@page(role=Role.ADMIN)
@require_http_methods(["GET", "HEAD", "POST"])
def merge_agent(request: PageRequest, agent_id: int) -> HttpResponse:
    """Asks which agent it goes into, shows what that does, and does it."""
    agent = get_object_or_404(agents_of(request.caller), id=agent_id)
    others = agents_of(request.caller).filter(project=agent.project_id).exclude(id=agent_id)
    sent = request.POST if request.method == "POST" else request.GET
    form = IntoForm(agent.name, others, sent if "into" in sent else None)
    if not form.is_valid():
        return _choose(request, agent, form)
    into_id: int = form.cleaned_data["into"]
    complaint = ""
    try:
        if request.method == "POST":
            return _merge(request, agent, into_id)
    except Conflict as refusal:
        complaint = refusal.message
    except Agent.DoesNotExist as error:
        raise Http404 from error
    except Refused as refusal:
        form.refuse(refusal)
        return _choose(request, agent, form)
    return _show(request, preview(caller=request.caller, agent_id=agent_id, into_id=into_id), complaint)


def _merge(request: PageRequest, agent: Agent, into_id: int) -> HttpResponse:
    merge = merge_as_previewed(
        caller=request.caller, agent_id=agent.pk, into_id=into_id, fingerprint=request.POST.get("fingerprint", "")
    )
    words = f"{merge.name} is {merge.into.name} now, with all its usage. Agents that send the old name go on."
    messages.success(request, words)
    return see_other("access:projects")


def _choose(request: PageRequest, agent: Agent, form: IntoForm) -> HttpResponse:
    is_wrong = bool(form.errors)
    context = {"agent": agent, "form": form, "has_others": bool(form.fields["into"].choices)}  # type: ignore[attr-defined]
    return render(
        request, "merging/choose.html", context, status=HTTPStatus.UNPROCESSABLE_ENTITY if is_wrong else HTTPStatus.OK
    )


def _show(request: PageRequest, seen: Preview, complaint: str) -> HttpResponse:
    context = {"seen": seen, "sides": (seen.agent, seen.into), "complaint": complaint}
    status = HTTPStatus.CONFLICT if complaint else HTTPStatus.OK
    return render(request, "merging/preview.html", context, status=status)
