"""The export for people: of the period and the filters of a view."""

from django.http import Http404, HttpResponse, StreamingHttpResponse
from django.utils import timezone
from django.views.decorators.http import require_GET

from apps.access.domain.identity import Role
from apps.access.pages import PageRequest, page
from apps.costs.selectors.metrics import BadQuery
from apps.costs.selectors.reporting import reporting_zone
from controlplane import exports
from controlplane.focus.files import FORMATS, focus_response
from controlplane.focus.rows import day_by_day
from controlplane.viewstate import read


@page(role=Role.ANALYST)
@require_GET
def focus(request: PageRequest, kind: str) -> HttpResponse | StreamingHttpResponse:
    """All usage of a view by day and everything the cube keeps, as FOCUS columns."""
    if kind not in FORMATS:
        raise Http404
    state, notices = read(dict(request.GET.lists()), reporting_zone(), beyond=True)
    if refusal := exports.unless_understood(notices):
        return refusal
    period = state.choice.at(timezone.now())
    try:
        days = day_by_day(state.query(period.span, request.caller), now=period.now)
    except BadQuery as error:
        return exports.refused(error.message)
    return focus_response(days, kind=kind, name=exports.stem("bursar-focus", period))
