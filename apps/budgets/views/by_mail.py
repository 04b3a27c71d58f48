"""What a mail's link opens without signing in: it can acknowledge that alert, or agree to get alerts, and no more.

Opening a link changes nothing, because mail programs and virus scanners open links too; the button on the page does.
"""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from apps.access.domain.errors import Refused
from apps.access.pages import public
from apps.budgets.models import Alert
from apps.budgets.selectors.receivers import is_read_by
from apps.budgets.services.alerting import acting, addresses
from apps.budgets.services.alerting.links import read_acknowledgement, read_agreement


@public
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def acknowledge(request: HttpRequest, token: str) -> HttpResponse:
    """The alert's title and a button; pressed, it is acknowledged in the name of whom the mail went to.

    Who signs in no more, or may not see the alert any more, finds that the link has ended.
    """
    asked = read_acknowledgement(token)
    alert = Alert.objects.filter(id=asked.alert_id).first() if asked else None
    if asked is None or alert is None or not is_read_by(alert, asked.address):
        return render(request, "alerts/link_ended.html", status=410)
    context = {"alert": alert, "address": asked.address, "done": False, "refusal": ""}
    if request.method == "POST":
        try:
            context["alert"] = acting.acknowledge_by_mail(alert_id=alert.pk, address=asked.address, now=timezone.now())
            context["done"] = True
        except Refused as refusal:
            context["refusal"] = refusal.message
    return render(request, "alerts/acknowledge.html", context)


@public
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def agree(request: HttpRequest, token: str) -> HttpResponse:
    """Asks whoever reads mail at the address whether they want alerts."""
    address = read_agreement(token)
    if address is None or not addresses.is_known(address):
        return render(request, "alerts/link_ended.html", status=410)
    done = request.method == "POST"
    if done:
        addresses.agree(address=address, now=timezone.now())
    return render(request, "alerts/agree.html", {"address": address, "done": done})
