"""django-axes with our own counting: who may try a password now.

An account, a network and the two together each have a limit. A browser that signed in to the account before is counted
by itself, so that nobody can lock an owner out of it by guessing from elsewhere.
"""

import secrets
from datetime import datetime, timedelta
from typing import Any

from axes.handlers.base import AxesHandler
from axes.models import AccessFailureLog
from django.conf import settings
from django.core import signing
from django.db import connection, transaction
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.crypto import salted_hmac

from apps.access.domain.addresses import neighbourhood
from apps.access.domain.login_limits import WINDOW, Limits, capped_wait, growing_wait
from apps.access.models import User
from apps.access.request_context import origin

KNOWN_BROWSER = "bursar_browser"
_KNOWN_BROWSER_SECONDS = 180 * 86400
_SALT = "access.known-browser"
_KEEP = timedelta(days=1)
_LOCK = 0x627372  # the first key of the advisory locks taken while counting
limits = Limits()


class LoginProtection(AxesHandler):  # type: ignore[misc]
    """Called by axes around every try. A try is stored before its password is checked and forgotten if it was right."""

    def is_allowed(self, request: HttpRequest, credentials: dict[str, Any] | None = None) -> bool:
        """True if this password may be checked; else `request.login_wait` tells how long to wait."""
        wait, try_id = begin_try(request, str((credentials or {}).get("username") or ""))
        request.login_wait, request.login_try = wait, try_id  # type: ignore[attr-defined]
        return wait <= timedelta(0)

    def user_logged_in(self, sender: Any, request: HttpRequest, user: User, **kwargs: Any) -> None:
        """A right password was no guess."""
        end_try(getattr(request, "login_try", None))


def client_network(request: HttpRequest) -> str | None:
    """What axes counts as the client: the network, since one guesser easily owns all of it."""
    return neighbourhood(origin().address) or None


def remember_browser(response: HttpResponse, user: User) -> None:
    """Marks this browser as one that has signed in to the account."""
    mark = signing.dumps({"user": user.pk, "browser": secrets.token_hex(8)}, salt=_SALT)
    response.set_cookie(
        KNOWN_BROWSER,
        mark,
        max_age=_KNOWN_BROWSER_SECONDS,
        secure=settings.SESSION_COOKIE_SECURE,
        httponly=True,
        samesite="Lax",
    )


@transaction.atomic
def begin_try(request: HttpRequest, email: str) -> tuple[timedelta, int | None]:
    """Counts one try, unless it has to wait. Returns how long to wait and the id of the stored try."""
    account, network = _account(email), client_network(request)
    browser = _known_browser(request, email)
    _take_turns(account, network or "")
    now = timezone.now()  # read after our turn came: every stored try is in the past
    wait = _wait_of_browser(browser, now) if browser else _wait(account, network, now)
    if wait > timedelta(0):
        return wait, None
    AccessFailureLog.objects.filter(attempt_time__lt=now - _KEEP).delete()
    stored = AccessFailureLog.objects.create(
        username=account, ip_address=network, user_agent=browser, http_accept="", path_info=""
    )
    return timedelta(0), stored.pk


def end_try(try_id: int | None) -> None:
    """Forgets a try whose password was right."""
    if try_id is not None:
        AccessFailureLog.objects.filter(id=try_id).delete()


def _wait(account: str, network: str | None, now: datetime) -> timedelta:
    tries = AccessFailureLog.objects.filter(user_agent="", attempt_time__gt=now - WINDOW).order_by("attempt_time")
    of_account = list(tries.filter(username=account).values_list("attempt_time", "ip_address"))
    of_network = list(tries.filter(ip_address=network).values_list("attempt_time", flat=True))
    return max(
        growing_wait([moment for moment, address in of_account if address == network], now, limits),
        capped_wait([moment for moment, _ in of_account], limits.per_account, now),
        capped_wait(of_network, limits.per_network, now),
    )


def _wait_of_browser(browser: str, now: datetime) -> timedelta:
    tries = AccessFailureLog.objects.filter(user_agent=browser, attempt_time__gt=now - WINDOW)
    moments = list(tries.order_by("attempt_time").values_list("attempt_time", flat=True))
    return max(growing_wait(moments, now, limits), capped_wait(moments, limits.per_account, now))


def _account(email: str) -> str:
    """The account without its name: people type passwords into the wrong field, and this is stored."""
    return salted_hmac("access.login", email.strip().lower(), algorithm="sha256").hexdigest()


def _known_browser(request: HttpRequest, email: str) -> str:
    """The mark of a browser that signed in to this account before, else empty."""
    try:
        mark = signing.loads(request.COOKIES.get(KNOWN_BROWSER, ""), salt=_SALT, max_age=_KNOWN_BROWSER_SECONDS)
    except signing.BadSignature:
        return ""
    belongs = User.objects.filter(pk=mark["user"], email=email.strip().lower()).exists()
    return f"known:{mark['browser']}" if belongs else ""


def _take_turns(account: str, network: str) -> None:
    """Tries on one account, and from one network, are counted one after the other; always in this order."""
    with connection.cursor() as cursor:
        for name in (f"account {account}", f"network {network}"):
            cursor.execute("SELECT pg_advisory_xact_lock(%s, hashtext(%s))", [_LOCK, name])
