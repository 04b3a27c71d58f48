"""Cursor paging: `{"results", "next", "previous"}`, stable while rows are added."""

from typing import Any

from django.db.models import QuerySet
from rest_framework.exceptions import NotFound, ParseError
from rest_framework.pagination import CursorPagination
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import BaseSerializer
from rest_framework.views import APIView


class IdPages(CursorPagination):
    """Pages by id, newest first; `page_size` up to 1,000."""

    ordering = "-id"
    page_size = 100
    page_size_query_param = "page_size"
    max_page_size = 1_000

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
