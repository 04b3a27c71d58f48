"""What OPTIONS answers: the methods of an address, as the header Allow. `/api/schema` says all else."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rest_framework.metadata import BaseMetadata

if TYPE_CHECKING:
    # REST framework loads this module before its own views can be imported.
    from rest_framework.request import Request
    from rest_framework.views import APIView


class Methods(BaseMetadata):
    """The methods that an address knows."""

    def determine_metadata(self, request: Request, view: APIView) -> dict[str, Any]:
        """For whoever may call any of the API."""
        return {"allow": view.allowed_methods}
