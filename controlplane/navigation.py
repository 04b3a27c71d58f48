"""The entries of the top bar, in order. Who sees an entry is what its page declares."""

from dataclasses import dataclass, replace

from django.http import HttpRequest
from django.urls import reverse

from apps.access.domain.identity import Role
from apps.access.pages import lowest_role
from controlplane.saved.selectors import start_urls

MAIN = (
    ("Overview", "overview"),
    ("Explore", "explore"),
    ("Conversations", "conversations"),
    ("Routing", "routing:tiers"),
    ("Budgets", "budgets:budgets"),
    ("Prices", "costs:prices"),
)
SETTINGS = (
    ("Statements", "statements"),
    ("Keys", "access:keys"),
    ("People", "access:people"),
    ("Projects", "access:projects"),
    ("Alerting", "budgets:alerting"),
    ("Reporting", "costs:reporting"),
    ("Audit log", "access:audit"),
    ("Health", "health"),
    ("API docs", "api-docs"),
)
ACCOUNT = (
    ("Saved views", "views"),
    ("Change password", "access:change_password"),
)


@dataclass(frozen=True, slots=True)
class Entry:
    """A link of the top bar, or a group with children and no address of its own."""

    label: str
    url: str = ""
    here: bool = False
    children: tuple["Entry", ...] = ()


def entries(request: HttpRequest, role: Role, person_id: int) -> list[Entry]:
    """What this person sees: the main pages, each as it opens for them, then the group Settings."""
    starts = start_urls(person_id)
    settings = links(request, role, SETTINGS)
    here = any(entry.here for entry in settings)
    main = [replace(entry, url=starts.get(entry.url, entry.url)) for entry in links(request, role, MAIN)]
    return [*main, Entry("Settings", here=here, children=tuple(settings))]


def links(request: HttpRequest, role: Role, pages: tuple[tuple[str, str], ...]) -> list[Entry]:
    """The pages this role may open, as links."""
    found = [(label, reverse(name)) for label, name in pages if role.includes(lowest_role(name))]
    return [Entry(label, url, _is_here(request.path, url)) for label, url in found]


def _is_here(path: str, url: str) -> bool:
    return path == url or (url != "/" and path.startswith(f"{url}/"))
