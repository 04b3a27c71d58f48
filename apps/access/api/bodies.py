"""Request bodies, checked."""

from typing import Any

from rest_framework.exceptions import ParseError
from rest_framework.request import Request
from rest_framework.serializers import Serializer


def valid(serializer: type[Serializer[Any]], request: Request, *, partial: bool = False) -> dict[str, Any]:
    """The checked fields of a JSON object. Raises ParseError (400) for another JSON value, ValidationError (422)."""
    if not isinstance(request.data, dict):
        raise ParseError("The body must be a JSON object.")
    form = serializer(data=request.data, partial=partial)
    form.is_valid(raise_exception=True)
    return dict(form.validated_data)
