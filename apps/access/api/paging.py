"""Cursor paging: `{"results", "next", "previous"}`, stable while rows are added."""

from typing import Any

from django.db.models import QuerySet
from rest_framework.exceptions import NotFound, ParseError
from rest_framework.pagination import CursorPagination
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import BaseSerializer
from rest_framework.views import APIView

MAX_DIGITS = 18
"""Of an id, which is a 64-bit number."""


class IdPages(CursorPagination):
    """Pages by id, newest first; `page_size` up to 1,000."""

    ordering = "-id"
    page_size = 100
    page_size_query_param = "page_size"
    max_page_size = 1_000

    def decode_cursor(self, request: Request) -> Any:
        """The place to go on from. Raises NotFound for one that no list gave out."""
        cursor = super().decode_cursor(request)
        place = "0" if cursor is None or cursor.position is None else str(cursor.position)
        if not (place.isascii() and place.isdecimal() and len(place) <= MAX_DIGITS):
            raise NotFound
        return cursor

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        """The frame of a list in the words of OpenAPI 3.1, which has no `nullable`."""
        link = {"type": ["string", "null"], "format": "uri"}
        frame = {"next": link, "previous": link, "results": schema}
        return {"type": "object", "required": list(frame), "properties": frame}

    def paginate_queryset(self, queryset: Any, request: Request, view: APIView | None = None) -> list[Any] | None:
        try:
            return super().paginate_queryset(queryset, request, view)
        except NotFound as error:
            raise ParseError("The cursor is not one of ours.") from error


def page_of(rows: QuerySet[Any], request: Request, view: APIView, serializer: type[BaseSerializer[Any]]) -> Response:
    """One page of the rows."""
    pages = IdPages()
    found = pages.paginate_queryset(rows, request, view)
    return pages.get_paginated_response(serializer(found, many=True).data)
