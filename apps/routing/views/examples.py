"""Examples: what people said in the playground of an ask's tier, listed, taken back, and as lines of JSON."""

from django.contrib import messages
from django.http import Http404, HttpResponse, StreamingHttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_POST, require_safe

from apps.access.domain.errors import Refused
from apps.access.domain.identity import Role
from apps.access.pages import PageRequest, page, see_other
from apps.routing.domain.asked import Asked, read
from apps.routing.forms.playground import question_of
from apps.routing.models import LabelledExample
from apps.routing.selectors.examples import agreement, example_lines, newest_examples
from apps.routing.selectors.in_force import in_force
from apps.routing.services.examples import Labelled, keep_example, remove_example
from apps.routing.views.tabs import tabs

MOST_SHOWN = 200


@page(role=Role.ADMIN)
@require_safe
def example_list(request: PageRequest) -> HttpResponse:
    """The newest examples, and how often the score's tier was right."""
    count, right = agreement()
    context = {
        "tabs": tabs("routing:playground", request.caller),
        "rows": newest_examples(MOST_SHOWN),
        "count": count,
        "right": right,
        "most": MOST_SHOWN,
    }
    return render(request, "routing/examples.html", context)


@page(role=Role.ADMIN)
@require_POST
def label(request: PageRequest) -> HttpResponse:
    """Keeps the ask of the playground with the tier it should have had under the policy in force."""
    asked, found = read(question_of(request.POST)), in_force()
    if not isinstance(asked, Asked) or found is None:
        messages.error(request, "Nothing was kept: the question cannot be read, or no policy is in force.")
        return see_other("routing:playground")
    labelled = Labelled(asked, request.POST.get("tier", ""), keeps_message="keep_message" in request.POST)
    try:
        example = keep_example(caller=request.caller, labelled=labelled, found=found)
    except Refused as refusal:
        messages.error(request, f"Nothing was kept. {refusal.message}")
        return see_other("routing:playground")
    messages.success(request, f"Kept as an example of {example.tier_wanted}. It can be removed here.")
    return see_other("routing:examples")


@page(role=Role.ADMIN)
@require_POST
def remove(request: PageRequest, example_id: int) -> HttpResponse:
    """Deletes an example."""
    try:
        remove_example(caller=request.caller, example_id=example_id)
    except LabelledExample.DoesNotExist as error:
        raise Http404 from error
    messages.success(request, "The example is gone.")
    return see_other("routing:examples")


@page(role=Role.ADMIN)
@require_safe
def examples_jsonl(request: PageRequest) -> StreamingHttpResponse:
    """All examples as lines of JSON, for fitting."""
    response = StreamingHttpResponse(example_lines(), content_type="application/x-ndjson")
    response["Content-Disposition"] = 'attachment; filename="examples.jsonl"'
    return response
