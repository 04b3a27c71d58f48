"""What every page needs to draw its frame: navigation, theme, version, the state of the installation."""

from time import monotonic
from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.urls import reverse

from apps.access.domain.identity import Role
from apps.budgets.selectors.inbox import firing_count, most_urgent
from controlplane import health, navigation
from controlplane.theme import chosen_theme

HEALTH_SECONDS = 15.0
URGENT_SHOWN = 3
HEALTH_WORDS = {"ok": ("ok", "All well"), "late": ("warn", "Background work is late"), "down": ("danger", "Down")}
_seen_health: tuple[float, health.Level] = (-HEALTH_SECONDS, "ok")


def frame(request: HttpRequest) -> dict[str, Any]:
    """Context processor of base.html."""
    user = getattr(request, "user", None)
    common = {"version": settings.VERSION, "theme": chosen_theme(request), "theme_url": reverse("theme")}
    if user is None or not user.is_authenticated:
        return common
    role = Role(user.role)
    return common | {
        "person": user,
        "nav": navigation.entries(request, role, user.pk),
        "account_links": navigation.links(request, role, navigation.ACCOUNT),
        "logout_url": reverse("access:logout"),
        "docs_url": reverse("api-docs"),
        "health": health_dot,
        "firing": lambda: firing_count(user.caller()),
        "urgent_alerts": lambda: most_urgent(user.caller(), URGENT_SHOWN),
    }


def health_dot() -> dict[str, str]:
    """The dot of the footer with its word. Looked up by a page at most every 15 s."""
    global _seen_health
    if monotonic() - _seen_health[0] >= HEALTH_SECONDS:
        _seen_health = (monotonic(), health.overall()[0])
    level, word = HEALTH_WORDS[_seen_health[1]]
    return {"level": level, "word": word, "url": reverse("health")}
