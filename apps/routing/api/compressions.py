"""`/api/routing/compressions`: a prompt made shorter. Its figures are kept, its messages are not."""

from typing import Any, ClassVar

from django.conf import settings
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.exceptions import ParseError
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.access.authentication import ApiRequest
from apps.access.domain.identity import Scope
from apps.costs.api.asking import refusal
from apps.routing.api import schema
from apps.routing.domain.prompts import FIELDS, Wish, read_wish
from apps.routing.services.compressions import compress


class CompressionsView(APIView):
    """Compress messages."""

    required_scopes: ClassVar = {"POST": Scope.ROUTING_USE}

    @extend_schema(
        operation_id="routing_compress", request=schema.COMPRESSION_REQUEST, responses=schema.COMPRESSION_ANSWER
    )
    def post(self, request: ApiRequest) -> Response:
        """The messages with less in them, what was taken out, and what that saves.

        What people said, calls of tools, the newest messages, code and what `keep` names stay as they are.
        """
        if not isinstance(request.data, dict) or request.stream is None:
            raise ParseError("Send the messages in a JSON object.")
        wish = read_wish(request.data, most_messages=settings.COMPRESSION_MAX_MESSAGES)
        if not isinstance(wish, Wish):
            raise refusal(wish)
        told: dict[str, Any] = compress(caller=request.auth, wish=wish, now=timezone.now())
        if unknown := sorted(request.data.keys() - FIELDS):
            told["warnings"] = [
                {"path": name, "code": "unknown_field", "message": f"{name} was not used."} for name in unknown
            ]
        return Response(told)
