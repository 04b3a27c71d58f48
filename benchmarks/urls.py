"""The product's addresses and a bare JSON echo in the same server."""

import msgspec
from django.http import HttpRequest, HttpResponse
from django.urls import path
from django.views.decorators.csrf import csrf_exempt

from apps.access.pages import public
from controlplane.urls import handler400, handler403, handler404, handler500
from controlplane.urls import urlpatterns as product

__all__ = ["handler400", "handler403", "handler404", "handler500", "urlpatterns"]


@csrf_exempt
@public
def echo(request: HttpRequest) -> HttpResponse:
    """Decode a JSON body and send it back: what the server alone costs."""
    return HttpResponse(msgspec.json.encode(msgspec.json.decode(request.body)), content_type="application/json")


urlpatterns = [path("echo", echo), *product]
