"""Request bodies, checked."""

from typing import IO, Any

from django.conf import settings
from django.core.exceptions import RequestDataTooBig
from rest_framework.exceptions import ParseError
from rest_framework.request import Request
from rest_framework.serializers import Serializer

from apps.access.domain.inflate import BadGzip, TooLarge, inflate

UNKNOWN_FIELDS = "unknown_fields"
"""Where a request keeps the names in its body that are no fields; the answer warns of them."""


def valid(serializer: type[Serializer[Any]], request: Request, *, partial: bool = False) -> dict[str, Any]:
    """The checked fields of a JSON object. Raises ParseError (400) for another JSON value, ValidationError (422).

    The answer names the fields that are not known: a key whose `expires_at` is misspelt never expires.
    """
    if not isinstance(request.data, dict):
        raise ParseError("The body must be a JSON object.")
    form = serializer(data=request.data, partial=partial)
    form.is_valid(raise_exception=True)
    request.parser_context[UNKNOWN_FIELDS] = sorted(str(name) for name in request.data.keys() - form.fields.keys())
    return dict(form.validated_data)


def read_body(stream: IO[bytes], encoding: str) -> bytes:
    """The body, inflated if it says gzip, at most INGEST_MAX_BYTES before and after."""
    limit = settings.INGEST_MAX_BYTES
    body = stream.read(limit + 1)
    if len(body) > limit:
        raise RequestDataTooBig(f"more than {limit} bytes")
    if encoding.strip().lower() in ("", "identity"):
        return body
    if encoding.strip().lower() not in ("gzip", "x-gzip"):
        raise ParseError(f"The content encoding {encoding[:40]!r} is not known; gzip is.")
    try:
        return inflate(body, max_bytes=limit)
    except TooLarge as error:
        raise RequestDataTooBig(str(error)) from error
    except BadGzip as error:
        raise ParseError(f"The body is not gzip: {error}") from error
