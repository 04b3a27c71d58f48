"""JSON in: bounded gzip, and a plain 400 for whatever is not JSON."""

import json
from codecs import BOM_UTF8
from collections.abc import Mapping
from typing import IO, Any

import msgspec
from rest_framework.exceptions import ParseError
from rest_framework.parsers import BaseParser

from apps.access.api.bodies import read_body


class JSONParser(BaseParser):
    """Reads one JSON value. Raises ParseError (400) or RequestDataTooBig (413)."""

    media_type = "application/json"

    def parse(
        self, stream: IO[Any], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> Any:
        request = parser_context["request"] if parser_context else None
        body = read_body(stream, request.META.get("HTTP_CONTENT_ENCODING", "") if request else "")
        if request:
            # PostgreSQL cannot store U+0000; most bodies have none, which one look tells.
            request._request.body_has_odd_text = b"\\u0000" in body
        try:
            return msgspec.json.decode(body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            if body.startswith(BOM_UTF8):
                raise ParseError("The body begins with a byte order mark, which JSON does not have.") from error
            if parser_context and getattr(parser_context["view"], "judges_each_record", False):
                parser_context["request"]._request.body_has_odd_text = True
                return odd_json(body)
            why = "is nested too deeply." if isinstance(error, RecursionError) else f"is not JSON: {error}"
            raise ParseError(f"The body {why}") from error


def odd_json(body: bytes) -> Any:
    """JSON that msgspec refuses as a whole, so that one odd record does not cost the others of its batch.

    Halves of surrogate pairs stay in the strings and numbers out of range become infinite: the reader of records
    refuses both. Raises ParseError for what is not JSON at all.
    """
    try:
        return json.loads(body.decode(), parse_constant=_refuse_constant, parse_int=_whole_number)
    except RecursionError as error:
        raise ParseError("The body is nested too deeply.") from error
    except ValueError as error:
        raise ParseError(f"The body is not JSON: {error}") from error


def _refuse_constant(name: str) -> float:
    raise ValueError(f"{name} is no number in JSON")


def _whole_number(text: str) -> float:
    return int(text) if len(text) < 40 else float(text)
