"""The API's description of itself, as OpenAPI 3.1 and as a page. Behind a login or any key."""

from django.contrib.auth.views import redirect_to_login
from django.http import HttpResponseBase
from drf_spectacular.views import SpectacularJSONAPIView, SpectacularSwaggerSplitView
from rest_framework.exceptions import NotAuthenticated

from apps.access.authentication import ApiKeyAuthentication, DeclaredScope, SessionAuthentication
from apps.access.domain.identity import ALL_SCOPES


class SchemaView(SpectacularJSONAPIView):
    """`/api/schema`."""

    required_scopes = {"GET": ALL_SCOPES}
    permission_classes = [DeclaredScope]
    authentication_classes = (ApiKeyAuthentication, SessionAuthentication)


class DocsView(SpectacularSwaggerSplitView):
    """`/api/docs`: Swagger UI from our own static files, its script at an address of its own for the CSP."""

    required_scopes = {"GET": ALL_SCOPES}
    permission_classes = [DeclaredScope]
    authentication_classes = (ApiKeyAuthentication, SessionAuthentication)
    url_name = "api-schema"

    def handle_exception(self, exc: Exception) -> HttpResponseBase:  # type: ignore[override]
        """Sends a person who is not signed in to the login instead of answering JSON."""
        if isinstance(exc, NotAuthenticated):
            return redirect_to_login(self.request.get_full_path())
        response: HttpResponseBase = super().handle_exception(exc)
        return response
