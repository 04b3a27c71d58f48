"""Records of a known key take a short way past the framework, which says and stores what the long way does."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from django.utils import timezone

from apps.access.models import ApiKey, Project
from apps.costs.api.usage import UsageView
from apps.costs.models import UsageRecord
from tests.cast import HeldKey
from tests.costs.posting import JSON, call, load_prices

Bodies = Callable[[str], Any]
SHORT: dict[str, Bodies] = {
    "one": lambda project: call(id="one", project=project),
    "a batch": lambda project: {"records": [call(id=f"{number}", project=project) for number in range(3)]},
    "again, another body, refused, a typo": lambda project: {
        "records": [
            call(id="1", project=project),
            call(id="2", project=project, output_tokens=7),
            call(id="3", project=project, input_tokens=-1),
            call(id="4", project=project, typo=1),
            "no record",
        ]
    },
    "one again": lambda project: call(id="one", project=project),
    "unpriced": lambda project: call(id="5", project=project, model="nobody knows"),
}
LONG: dict[str, Bodies] = {
    "one with another body": lambda project: call(id="one", project=project, output_tokens=7),
    "one refused": lambda project: call(id="6", project=project, input_tokens=-1),
    "odd text": lambda project: {
        "records": [call(id="7", project=project, user="a\0b"), call(id="8", project=project)]
    },
    "none": lambda project: {"records": []},
    "no list": lambda project: {"records": 1},
    "too many": lambda project: {"records": [1] * 1001},
    "no object": lambda project: [1],
}


@pytest.fixture(autouse=True)
def small_book(db: None) -> None:
    load_prices()


def test_both_ways_say_the_same(writer: HeldKey, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    dispatch = UsageView.dispatch
    monkeypatch.setattr(
        UsageView,
        "dispatch",
        lambda view, request: asked.append("long") or dispatch(view, request),  # type: ignore[func-returns-value]
    )
    for name, body in (SHORT | LONG).items():
        expected = _post(writer, "/api/usage?results=", body, "first")
        asked.clear()
        assert _post(writer, "/api/usage", body, "other") == expected, name
        assert asked == ([] if name in SHORT else ["long"]), name
    assert _ids("first") == _ids("other") == {"one", "0", "1", "2", "4", "5", "8"}


def test_a_revoked_key_ends_at_once(writer: HeldKey) -> None:
    assert [_post(writer, "/api/usage", SHORT["a batch"], "first")[0] for _ in range(2)] == [200, 200]
    ApiKey.objects.filter(pk=writer.key.pk).update(revoked_at=timezone.now())
    assert _post(writer, "/api/usage", SHORT["one"], "first")[0] == 401
    assert not UsageRecord.objects.filter(usage_id="one").exists()


def _post(key: HeldKey, address: str, body: Bodies, project: str) -> tuple[int, Any]:
    answer = key.client.post(address, json.dumps(body(project)), content_type=JSON)
    told = json.loads(answer.content.decode().replace(f'"{project}"', '"project"'))
    return answer.status_code, {name: value for name, value in told.items() if name != "request_id"}


def _ids(project: str) -> set[str]:
    within = Project.objects.get(name=project).pk
    return set(UsageRecord.objects.filter(project_id=within).values_list("usage_id", flat=True))
