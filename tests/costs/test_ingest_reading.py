"""GET /api/usage: the records that were posted, by page and by filter, and who may see them."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

import pytest

from apps.access.domain.identity import Scope
from apps.access.models import Project
from tests.cast import HeldKey
from tests.costs.posting import call, load_prices, posted

MakeKey = Callable[..., HeldKey]
NOW = datetime.now(UTC).replace(microsecond=0)


@pytest.fixture(autouse=True)
def small_book(db: None) -> None:
    load_prices()


def ago(minutes: int) -> str:
    return (NOW - timedelta(minutes=minutes)).isoformat()


def listed(key: HeldKey, query: str = "", **parameters: Any) -> list[str]:
    """The ids a list names."""
    answer = key.client.get(f"/api/usage{query}", parameters)
    assert answer.status_code == 200, answer.content
    return [record["id"] for record in answer.json()["results"]]


def test_the_newest_comes_first(admin_key: HeldKey) -> None:
    posted(admin_key, [call(id="a", occurred_at=ago(3)), call(id="b", occurred_at=ago(1)), call(id="c")])
    assert listed(admin_key) == ["c", "b", "a"]


def test_pages_lead_forth_and_back_without_a_gap(admin_key: HeldKey) -> None:
    # Every time occurs three times: the cursor goes by time and id.
    posted(admin_key, [call(id=f"{number:02}", occurred_at=ago(number // 3)) for number in range(20)])
    pages, url = [], "/api/usage?limit=7&project=default"
    while url:
        page = admin_key.client.get(url).json()
        pages.append([record["id"] for record in page["results"]])
        last, url = page, page["next"]
    assert [len(page) for page in pages] == [7, 7, 6]
    assert sum(pages, []) == listed(admin_key)
    back = admin_key.client.get(last["previous"]).json()
    assert [record["id"] for record in back["results"]] == pages[1]
    first = admin_key.client.get(back["previous"]).json()
    assert [record["id"] for record in first["results"]] == pages[0]
    assert first["previous"] is None


def test_the_same_id_and_time_in_two_projects_are_two_places_in_a_list(admin_key: HeldKey) -> None:
    twins = [call(id="x", occurred_at=ago(1), project=project) for project in ("sales of old", "support", "toys")]
    posted(admin_key, twins)
    url, seen = "/api/usage?limit=1", []
    while url:
        page = admin_key.client.get(url).json()
        seen += [record["project"] for record in page["results"]]
        url = page["next"]
    assert sorted(seen) == ["sales of old", "support", "toys"]


FILTERS = [
    ("provider", "anthropic", {"provider": "anthropic", "model": "claude-sonnet-4-5"}),
    ("model", "gpt-4", {"model": "gpt-4"}),
    ("tier", "premium", {"tier": "premium"}),
    ("role", "utility", {"role": "utility"}),
    ("task_type", "code", {"task_type": "code"}),
    ("tool", "bash", {"tool": "bash"}),
    ("project", "support", {"project": "support"}),
    ("agent", "coder", {"agent": "coder"}),
    ("user", "zoë", {"user": "zoë"}),
    ("status", "error", {"status": "error"}),
    ("conversation", "c/1", {"conversation_id": "c/1"}),
    ("tag:team", "x", {"tags": {"team": "x"}}),
    ("tag:a'b)s", "%(x)s", {"tags": {"a'b)s": "%(x)s"}}),
]


@pytest.mark.parametrize(("name", "value", "fields"), FILTERS, ids=[name for name, _, _ in FILTERS])
def test_each_filter_finds_its_own(admin_key: HeldKey, name: str, value: str, fields: dict[str, Any]) -> None:
    posted(admin_key, [call(id="yes", **fields), call(id="no")])
    assert listed(admin_key, **{name: value}) == ["yes"]
    if name == "status":  # the words that there are, are few
        assert admin_key.client.get("/api/usage?status=failed").json()["errors"][0]["path"] == "status"
    else:
        assert listed(admin_key, **{name: "never heard of"}) == []


def test_a_filter_by_key_finds_what_the_key_wrote(admin_key: HeldKey, writer: HeldKey) -> None:
    posted(admin_key, call(id="a"))
    posted(writer, call(id="w"))
    assert listed(admin_key, f"?key={writer.key.pk}") == ["w"]
    assert listed(admin_key, f"?key={writer.key.pk}&key={admin_key.key.pk}") == ["w", "a"]
    assert listed(admin_key, "?key=" + "9" * 5000) == listed(admin_key, "?key=%C2%B2") == []


def test_filters_go_together_and_a_repeated_one_means_either(admin_key: HeldKey) -> None:
    for agent in "ab":
        posted(admin_key, [call(id=agent + user, agent=agent, user=user) for user in "xy"])
    assert set(listed(admin_key, "?agent=a&user=x&user=y")) == {"ax", "ay"}
    assert listed(admin_key, "?agent=b&user=x") == ["bx"]


def test_the_name_of_a_tag_is_never_sql(admin_key: HeldKey) -> None:
    posted(admin_key, call(id="secret", tags={"t": "1"}))
    name = "t)s = '' OR true OR r.tags ->> %(only_tag_t"
    assert listed(admin_key, f"?tag:t=2&{quote('tag:' + name)}=2") == []
    for name in ("%", "%s", "a)", "'", '"', "\\", "{", "a;b", "-- "):
        assert listed(admin_key, f"?{quote('tag:' + name)}=1") == []


def test_the_range_is_half_open(admin_key: HeldKey) -> None:
    posted(admin_key, [call(id=str(minutes), occurred_at=ago(minutes)) for minutes in (1, 2, 3)])
    assert listed(admin_key, **{"from": ago(3), "to": ago(1)}) == ["2", "3"]


@pytest.mark.parametrize(
    ("query", "path"),
    [
        ("limit=0", "limit"),
        ("limit=1001", "limit"),
        ("limit=ten", "limit"),
        ("limit=" + "9" * 5000, "limit"),
        ("from=yesterday", "from"),
        ("from=2026-11-02T00:00:00Z&to=2026-11-01T00:00:00Z", "from"),
        ("from=2026-01-01T00:00:00Z&to=2026-11-01T00:00:00Z", "from"),
        ("to=0001-01-01T00:00:00Z", "to"),
        ("to=9999-12-31T23:59:59-14:00", "to"),
        ("tz=Mars/Olympus", "tz"),
        ("tz=../../etc/passwd", "tz"),
        ("cursor=abc", "cursor"),
        ("cursor=" + "A" * 40, "cursor"),
    ],
)
def test_questions_that_cannot_be_are_422(admin_key: HeldKey, query: str, path: str) -> None:
    answer = admin_key.client.get(f"/api/usage?{query}")
    assert answer.status_code == 422
    assert [error["path"] for error in answer.json()["errors"]] == [path]


def test_an_id_may_be_anything_printable(admin_key: HeldKey) -> None:
    for name in ("a/b", "a//b/", "?x=1", "#", "%2F", "..;", "a+b", "{}", "~"):
        posted(admin_key, call(id=name))
        answer = admin_key.client.get(f"/api/usage/{quote(name, safe='')}")
        assert (answer.status_code, answer.json()["id"]) == (200, name)


def test_an_unknown_id_or_project_is_404(admin_key: HeldKey) -> None:
    posted(admin_key, call(id="a"))
    for url in ("/api/usage/b", "/api/usage/a?project=support", "/api/usage/A"):
        assert admin_key.client.get(url).status_code == 404


class TestWhoSees:
    def test_a_bound_key_reads_its_project_only(
        self, admin_key: HeldKey, make_held_key: MakeKey, support: Project
    ) -> None:
        posted(admin_key, [call(id="s", project="support"), call(id="d")])
        bound = make_held_key(Scope.METRICS_READ, project_id=support.pk)
        assert listed(bound) == ["s"]
        assert listed(bound, project="default") == []
        assert bound.client.get("/api/usage/s").status_code == 200
        assert bound.client.get("/api/usage/d?project=default").status_code == 404

    def test_a_bound_agent_reads_itself_and_its_subordinates(
        self, admin_key: HeldKey, make_held_key: MakeKey, support: Project
    ) -> None:
        names = {"a": "coder", "b": "coder/sub", "c": "coder2", "d": None}
        posted(admin_key, [call(id=name, project="support", agent=agent) for name, agent in names.items()])
        agent = support.agents.get(name="coder")
        bound = make_held_key(Scope.METRICS_READ, project_id=support.pk, agent_id=agent.pk)
        assert set(listed(bound)) == {"a", "b"}
        assert listed(bound, agent="coder/sub") == ["b"]
        assert listed(bound, agent="coder2") == []
        answers = {name: bound.client.get(f"/api/usage/{name}").status_code for name in names}
        assert answers == {"a": 200, "b": 200, "c": 404, "d": 404}

    def test_a_limited_person_sees_their_projects(self, admin_key: HeldKey, carol: Any, signed_in: Any) -> None:
        posted(admin_key, [call(id="s", project="support"), call(id="d")])
        client = signed_in(carol)
        assert [one["id"] for one in client.get("/api/usage").json()["results"]] == ["s"]
        assert client.get("/api/usage/d").status_code == 404

    def test_demo_is_shown_only_when_chosen(self, admin_key: HeldKey) -> None:
        posted(admin_key, [call(id="toy", project="toys"), call(id="d")])
        Project.objects.filter(name="toys").update(is_demo=True)
        assert listed(admin_key) == ["d"]
        assert set(listed(admin_key, demo=1)) == {"toy", "d"}
        assert listed(admin_key, project="toys") == ["toy"]

    def test_scopes(self, writer: HeldKey, reader: HeldKey, charlie: Any) -> None:
        for url in ("/api/usage", "/api/usage/x"):
            assert writer.client.get(url).status_code == 403
            assert charlie.get(url).status_code == 401
            assert reader.client.get(url).status_code in (200, 404)
