"""`ETag` on what can be changed, and `If-Match` on the change: nobody overwrites what they have not seen."""

import hashlib
from collections.abc import Mapping
from typing import Any

import msgspec
from django.http import HttpResponse
from rest_framework.exceptions import APIException
from rest_framework.request import Request
from rest_framework.response import Response


class MatchRequired(APIException):
    status_code = 428
    default_detail = "Send If-Match with the ETag you read, so that nobody's change is lost."
    default_code = "if_match_required"


class MatchFailed(APIException):
    status_code = 412
    default_detail = "It has changed since you read it; read it again."
    default_code = "changed_meanwhile"


def etag_of(shown: Mapping[str, Any]) -> str:
    """A strong tag of a representation."""
    return f'"{hashlib.sha256(msgspec.json.encode(dict(shown), order="sorted")).hexdigest()[:32]}"'


def tagged(shown: Mapping[str, Any], status: int = 200) -> HttpResponse:
    """The representation with its tag."""
    return Response(shown, status=status, headers={"ETag": etag_of(shown)})


def require_match(request: Request, shown: Mapping[str, Any]) -> None:
    """Raises MatchRequired (428) without If-Match, MatchFailed (412) if it names another state."""
    wanted = request.headers.get("If-Match")
    if wanted is None:
        raise MatchRequired
    if wanted.strip() != "*" and etag_of(shown) not in {tag.strip() for tag in wanted.split(",")}:
        raise MatchFailed
