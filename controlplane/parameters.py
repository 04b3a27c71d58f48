"""Query parameters and fields that an endpoint of the API does not know, as a filter that is misspelt.

What it knows is what it tells of itself at `/api/schema`. An answer names the others in `warnings`: without that, the
sums of everything would look like those of the filter.
"""

from collections.abc import Iterator

from drf_spectacular.utils import OpenApiParameter
from rest_framework.exceptions import ErrorDetail, ValidationError
from rest_framework.request import Request
from rest_framework.views import APIView

from apps.access.api.bodies import UNKNOWN_FIELDS
from apps.costs.api.schema import TAGGED

CODE = "unknown_parameter"
MOST = 20
MAX_NAME = 64


def warnings(request: Request, view: APIView) -> list[dict[str, str]]:
    """A warning for each query parameter, and each field of the body, that was not used; the first few of them."""
    fields = [name[:MAX_NAME] for name in request.parser_context.get(UNKNOWN_FIELDS, ())[:MOST]]
    return [
        *({"path": name, "code": "unknown_field", "message": f"{name} is no field of this."} for name in fields),
        *({"path": name, "code": CODE, "message": _sentence(name)} for name in _unknown(request, view)),
    ]


def refuse_unknown(request: Request, view: APIView) -> None:
    """For answers that cannot warn, as files. Raises ValidationError (422) for parameters that are not known."""
    if found := _unknown(request, view):
        raise ValidationError({name: [ErrorDetail(_sentence(name), CODE)] for name in found})


def _unknown(request: Request, view: APIView) -> list[str]:
    known = _known(view, "GET" if request.method == "HEAD" else str(request.method))
    has_tags = TAGGED in known
    names = [name for name in request.query_params if name not in known and not (has_tags and name.startswith("tag:"))]
    return sorted(name[:MAX_NAME] for name in names)[:MOST]


def _sentence(name: str) -> str:
    return f"{name} is no parameter of this and was not used."


_KNOWN: dict[tuple[type[APIView], str], frozenset[str]] = {}


def _known(view: APIView, method: str) -> frozenset[str]:
    """The names that a view declares for a method, and those of its pages."""
    key = (type(view), method)
    if key not in _KNOWN:
        _KNOWN[key] = frozenset([*_declared(view, method), *_of_pages(view)])
    return _KNOWN[key]


def _declared(view: APIView, method: str) -> Iterator[str]:
    extended = getattr(getattr(view, method.lower(), None), "kwargs", {}).get("schema")
    if extended is None:
        return
    schema = extended()
    schema.view, schema.method = view, method
    for one in schema.get_override_parameters():
        yield from [one.name] if isinstance(one, OpenApiParameter) else one().fields


def _of_pages(view: APIView) -> Iterator[str]:
    pages = getattr(view, "pagination_class", None)
    if pages is not None:
        yield from (one["name"] for one in pages().get_schema_operation_parameters(view))
