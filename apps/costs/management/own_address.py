"""Where this machine's own Bursar answers, as `make run` says it: a session of one host name is none of another."""

from django.conf import settings


def own_address() -> str:
    """The address, without a path."""
    host = settings.WEB_HOST if settings.WEB_HOST not in ("0.0.0.0", "::", "") else "127.0.0.1"
    return f"http://{host}:{settings.WEB_PORT}"
