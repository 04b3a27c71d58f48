"""The URL table as data: what the generated tests walk over."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from django.urls import get_resolver
from django.urls.resolvers import URLPattern, URLResolver

from apps.access.authentication import ScopeRule
from apps.access.domain.identity import Role

NOT_THERE: dict[str, Any] = {"int": 987654321, "str": "nothing", "slug": "nothing", "path": "nothing"}
API_METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")


@dataclass(frozen=True)
class Endpoint:
    """One address with the view behind it; `path` leads to a thing that does not exist."""

    name: str
    path: str
    view: Callable[..., Any]

    @property
    def scopes(self) -> Mapping[str, ScopeRule]:
        """What an API view declares per method; empty for pages."""
        return getattr(getattr(self.view, "cls", None), "required_scopes", {})

    @property
    def role(self) -> Role | None:
        """The lowest role: of a page, or of an API view beside its scope."""
        view = getattr(self.view, "cls", None) if self.scopes else self.view
        return getattr(view, "required_role", None)

    @property
    def is_public(self) -> bool:
        return getattr(self.view, "is_public", False)


def endpoints() -> list[Endpoint]:
    """Every address of the installation."""
    return list(_walk(get_resolver().url_patterns, "", ""))


def _walk(patterns: list[URLPattern | URLResolver], prefix: str, space: str) -> Iterator[Endpoint]:
    for pattern in patterns:
        if isinstance(pattern, URLResolver):
            inner = f"{pattern.namespace}:" if pattern.namespace else ""
            yield from _walk(pattern.url_patterns, prefix + str(pattern.pattern), space + inner)
            continue
        route = prefix + str(pattern.pattern)
        for argument, converter in pattern.pattern.converters.items():
            kind = type(converter).__name__.removesuffix("Converter").lower().replace("string", "str")
            route = route.replace(f"<{kind}:{argument}>", str(NOT_THERE[kind])).replace(f"<{argument}>", "nothing")
        yield Endpoint(f"{space}{pattern.name}", f"/{route}", pattern.callback)
