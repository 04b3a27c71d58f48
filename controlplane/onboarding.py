"""The Overview before the first usage: make a key, paste a command, see the call arrive."""

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_POST

from apps.access.domain.errors import Refused
from apps.access.domain.identity import AGENT_SCOPES, Role, Scope
from apps.access.models import ApiKey
from apps.access.pages import PageRequest, page, see_other
from apps.access.services.keys import create_key
from apps.access.views.once import new_mark, remember, was_made
from apps.costs.selectors.demo import DemoState, demo_state

PLACEHOLDER = "YOUR_KEY"
KEY_NAME = "First agent"


def welcome(request: PageRequest, *, demo: DemoState, secret: str = "") -> HttpResponse:
    """The three steps. To htmx, which asks every two seconds, 204 means that nothing has arrived yet."""
    if request.htmx and not request.htmx.history_restore_request:
        return HttpResponse(status=204)
    context = {
        "secret": secret,
        "placeholder": PLACEHOLDER,
        "key": secret or PLACEHOLDER,
        "usage_url": request.build_absolute_uri(reverse("costs:usage-list")),
        "may_create": request.caller.has_role(Role.ADMIN),
        "keys": ApiKey.objects.live().visible_to(request.caller).filter(scopes__contains=[Scope.USAGE_WRITE]).count(),
        "demo_state": demo,
        "mark": new_mark(),
    }
    return render(request, "overview/welcome.html", context)


@page(role=Role.ADMIN)
@require_POST
def first_key(request: PageRequest) -> HttpResponse:
    """Makes an agent key and shows it, this once, inside the command to paste."""
    mark = request.POST.get("made", "")
    if was_made(request.session, mark):
        messages.info(request, "That key was made and shown once already. Make another, or use the one you copied.")
        return see_other("overview")
    try:
        new = create_key(caller=request.caller, name=KEY_NAME, scopes=AGENT_SCOPES)
    except Refused as refusal:  # someone limited to projects binds the key to one of them
        messages.info(request, refusal.message)
        return see_other("access:create_key")
    remember(request.session, mark)
    return welcome(request, demo=demo_state(timezone.now(), request.caller), secret=new.secret)
