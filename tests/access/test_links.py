"""No page leads to one that is not there or that its reader may not open: links are followed as people follow them."""

import html
import re
from collections import Counter, deque
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from django.test import Client

from apps.access.models import Project, User
from tests.routing import acts
from tests.usage import report_a_month

MOST_PAGES = 150
NO_PAGE = ("/static/", "/api/")


def kind_of(link: str) -> tuple[str, tuple[str, ...]]:
    """Links that differ only in numbers, names of conversations or values ask the same view the same way."""
    address = urlsplit(link)
    path = re.sub(r"/c/.*|/decisions/.*|\d+", "", address.path)
    return path, tuple(sorted({name for name, _ in parse_qsl(address.query)}))


def followed(browser: Client) -> tuple[int, list[str]]:
    """How many pages were opened from the first on, and what could not be."""
    seen: set[str] = set()
    opened: Counter[Any] = Counter()
    bad = []
    queue = deque([("/", "the first page")])
    while queue and len(seen) < MOST_PAGES:
        link, source = queue.popleft()
        kind = kind_of(link)
        if link in seen or opened[kind]:
            continue
        seen.add(link)
        opened[kind] += 1
        answer = browser.get(link)
        if answer.status_code not in (200, 302, 303):
            bad.append(f"{answer.status_code} {link}, from {source}")
        elif "text/html" in answer["Content-Type"]:
            for found in re.findall(r'href="(/[^"#]*)', answer.content.decode()):
                if not found.startswith(NO_PAGE):
                    queue.append((html.unescape(found), link))
    return len(seen), bad


def test_every_link_opens(ann: User, carol: User, alice: User, support: Project, signed_in: Any) -> None:
    acts.routed(alice)
    report_a_month(datetime.now(UTC), days=3, per_day=4)
    for person, least in ((carol, 40), (ann, 60), (alice, 100)):
        pages, bad = followed(signed_in(person))
        assert bad == [], person.email
        assert pages >= least
