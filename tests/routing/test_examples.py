"""Labelled examples: what is kept of an ask, who may see it, and its way out."""

import json
from typing import Any

from django.test import Client

from apps.access.models import AuditEntry, User
from apps.routing.domain.hashed_features import read_features
from apps.routing.models import LabelledExample
from tests.routing import acts
from tests.routing.test_decisions import HARD, SECRET_WORDS


def test_an_answer_of_the_playground_becomes_an_example(alice: User, signed_in: Any) -> None:
    browser: Client = signed_in(alice)
    acts.published()
    shown = browser.post("/routing/playground", {"message": HARD, "task_type": "code"}).content.decode()
    assert "Which tier should it have been?" in shown
    assert 'name="tier" value="premium"' in shown
    sent = {"message": HARD, "task_type": "code", "tier": "premium"}
    assert browser.post("/routing/playground/label", sent)["Location"] == "/routing/examples"
    row = LabelledExample.objects.get()
    assert (row.tier_wanted, row.task_type, row.policy_version, row.message) == ("premium", "code", 1, None)
    assert row.tier_given in ("standard", "premium")
    assert 0 < row.factors["reasoning_depth"] <= 1
    assert len(read_features(bytes(row.features))) > 20
    assert SECRET_WORDS.split()[0] not in json.dumps(row.factors)
    entry = AuditEntry.objects.get(action="example.kept")
    assert entry.after == {"tier_wanted": "premium", "tier_given": row.tier_given, "with_text": False}
    browser.post("/routing/playground/label", sent | {"tier": "simple", "keep_message": "on"})
    lines = b"".join(browser.get("/routing/examples.jsonl").streaming_content).splitlines()  # type: ignore[attr-defined]
    told = [json.loads(line) for line in lines]
    assert [one["message"] for one in told] == [None, HARD]
    assert dict(map(tuple, told[0]["features"])) == read_features(bytes(row.features))
    assert told[0]["factors"] == row.factors
    listed = browser.get("/routing/examples").content.decode()
    assert "2 examples" in listed
    browser.post(f"/routing/examples/{row.pk}/remove")
    assert [one.tier_wanted for one in LabelledExample.objects.all()] == ["simple"]


def test_what_is_no_example(alice: User, signed_in: Any, settings: Any) -> None:
    browser: Client = signed_in(alice)
    assert browser.post("/routing/playground/label", acts.label_form(tier="huge")).status_code == 303
    assert browser.post("/routing/playground/label", acts.label_form(message=" ")).status_code == 303
    assert browser.post("/routing/playground/label", acts.label_form(strategy="x")).status_code == 303
    settings.LABELLED_EXAMPLES = 0
    browser.post("/routing/playground/label", acts.label_form())
    assert LabelledExample.objects.count() == 0
    assert b"BURSAR_LABELLED_EXAMPLES" in browser.get("/routing/playground").content
    assert browser.post("/routing/examples/1/remove").status_code == 404
