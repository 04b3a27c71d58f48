"""JSON in: bounded gzip, and a plain 400 for whatever is not JSON."""

import json
from collections.abc import Mapping
from typing import IO, Any

import msgspec
from django.conf import settings
from django.core.exceptions import RequestDataTooBig
from rest_framework.exceptions import ParseError
from rest_framework.parsers import BaseParser

from apps.access.domain.inflate import BadGzip, TooLarge, inflate


class JSONParser(BaseParser):
    """Reads one JSON value. Raises ParseError (400) or RequestDataTooBig (413)."""

    media_type = "application/json"

    def parse(
        self, stream: IO[Any], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> Any:
        request = parser_context["request"] if parser_context else None
        body = read_body(stream, request.headers.get("Content-Encoding", "") if request else "")
        if request:
            # PostgreSQL cannot store U+0000; most bodies have none, which one look tells.
            request._request.body_has_odd_text = b"\\u0000" in body
        try:
            return msgspec.json.decode(body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            if parser_context and getattr(parser_context["view"], "judges_each_record", False):
                parser_context["request"]._request.body_has_odd_text = True
                return odd_json(body)
            raise ParseError(f"The body is not JSON: {error}") from error


def odd_json(body: bytes) -> Any:
    """JSON that msgspec refuses as a whole, so that one odd record does not cost the others of its batch.

    Halves of surrogate pairs stay in the strings and numbers out of range become infinite: the reader of records
    refuses both. Raises ParseError for what is not JSON at all.
    """
    try:
        return json.loads(body.decode(), parse_constant=_refuse_constant, parse_int=_whole_number)
    except (ValueError, RecursionError) as error:
        raise ParseError(f"The body is not JSON: {error}") from error


def _refuse_constant(name: str) -> float:
    raise ValueError(f"{name} is no number in JSON")


def _whole_number(text: str) -> float:
    return int(text) if len(text) < 40 else float(text)


def read_body(stream: IO[bytes], encoding: str) -> bytes:
    """The body, inflated if it says gzip, at most INGEST_MAX_BYTES before and after."""
    limit = settings.INGEST_MAX_BYTES
    body = stream.read(limit + 1)
    if len(body) > limit:
        raise RequestDataTooBig(f"more than {limit} bytes")
    if encoding.strip().lower() in ("", "identity"):
        return body
    if encoding.strip().lower() != "gzip":
        raise ParseError(f"The content encoding {encoding[:40]!r} is not known; gzip is.")
    try:
        return inflate(body, max_bytes=limit)
    except TooLarge as error:
        raise RequestDataTooBig(str(error)) from error
    except BadGzip as error:
        raise ParseError(f"The body is not gzip: {error}") from error
