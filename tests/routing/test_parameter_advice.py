"""Advice on parameters: who needs marks, what is saved to the last digit, and a draft by one click, with its undo."""

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from apps.access.domain.identity import ALL_SCOPES
from apps.access.models import User
from apps.costs.domain.pricing import Rates
from apps.routing.domain.parameter_advice import has_parameters, needs_marks, parameters_of, with_parameters
from apps.routing.models import PolicyVersion
from apps.routing.selectors.parameter_advice import forget, parameter_advice
from tests.costs.posting import call, load_prices, posted, rates
from tests.routing import acts

RATES = Rates(
    rates(input_tokens="4", output_tokens="20", cache_read_input_tokens="0.4", cache_creation_input_tokens="5")
)


def test_who_needs_marks() -> None:
    marked = [
        ("anthropic", "claude-opus-5-5"), ("bedrock", "eu.anthropic.claude-sonnet-4-v1:0"), ("zai", "glm-4.6"),
        ("openrouter", "anthropic/claude-opus-5-5"), ("vertex_ai", "claude-opus-4-1"),
    ]  # fmt: skip
    alone = [("openai", "gpt-4.1"), ("gemini", "gemini-2.5-pro"), ("deepseek", "deepseek-chat"), ("openrouter", "x/y")]
    assert [needs_marks(*one) for one in marked] == [True] * 5
    assert [needs_marks(*one) for one in alone] == [False] * 4


def test_parameters_are_added_beside_those_a_model_has() -> None:
    document = acts.document()
    document["tiers"][1]["models"][0]["parameters"] = {"top_p": 0.5}
    changed = with_parameters(document, *acts.FULL, "retries")
    assert changed["tiers"][1]["models"][0]["parameters"] == {"top_p": 0.5, "max_retries": 0}
    assert (changed["tiers"][0], changed["tiers"][2]) == (document["tiers"][0], document["tiers"][2])
    told = [has_parameters(one, *acts.FULL, "retries") for one in (document, changed)]
    assert (told, has_parameters(document, "acme", "x", "retries")) == ([False, True], None)


@pytest.fixture
def used(make_held_key: Any) -> None:
    """A conversation that sends its prompt again unmarked, and calls that a provider keeps refusing."""
    acts.published()
    load_prices({acts.OPUS: RATES}, version="2")
    now = timezone.now()

    def said(number: int, tokens: int, **fields: Any) -> dict[str, Any]:
        at = (now - timedelta(minutes=5) + timedelta(seconds=number)).isoformat()
        model = {"provider": acts.OPUS[0], "model": acts.OPUS[1]}
        return call(occurred_at=at, conversation_id="c1", input_tokens=tokens, output_tokens=0, **model, **fields)

    model = {"provider": acts.FULL[0], "model": acts.FULL[1], "status": "error", "error_type": "429"}
    refused = [
        call(request_id=f"r{number}", attempt=attempt, cost_usd="0.001", latency_ms=500, **model)
        for number in range(3)
        for attempt in (1, 2, 3)
    ]
    posted(make_held_key(*ALL_SCOPES), [said(1, 2000), said(2, 3000), said(3, 4000), *refused])


def test_what_would_have_been_saved(used: None) -> None:
    found = {one.kind: one for one in parameter_advice(now=timezone.now(), project_ids=None).found}
    cached, retried = found["cache"].cached, found["retries"].retried
    assert cached is not None
    # 2,000 and 3,000 had been sent before. Now 9,000 x 4 per million; then 5,000 x 0.4 + 4,000 x 5.
    assert (cached.input_tokens, cached.missed_tokens, cached.missed_calls) == (9000, 5000, 2)
    assert (str(cached.now_usd.normalize()), str(cached.marked_usd.normalize())) == ("0.036", "0.022")
    assert str(found["cache"].saved_usd.normalize()) == "0.014"
    assert retried is not None
    assert (retried.first, retried.again, retried.waited_ms, str(retried.again_usd.normalize())) == (
        3,
        6,
        3000,
        "0.006",
    )
    assert found["retries"].requests_at_most == 27
    nobody = parameter_advice(now=timezone.now(), project_ids=frozenset())
    assert nobody.found == [], "who sees no project gets no advice from its records"


def test_one_click_makes_a_draft_and_another_takes_it_back(used: None, alice: User, signed_in: Any) -> None:
    browser: Client = signed_in(alice)
    page = browser.get("/routing/providers").content.decode()
    assert "Mark prompts for the cache" in page
    assert 'title="$0.014"' in page
    assert "up to 27 requests" in page
    sent = {"kind": "cache", "provider": acts.OPUS[0], "model": acts.OPUS[1]}
    assert browser.post("/routing/providers/draft", sent).status_code == 303
    draft = PolicyVersion.objects.drafts().get()
    assert draft.document["tiers"][2]["models"][0]["parameters"] == parameters_of("cache")
    page = browser.get("/routing/providers").content.decode()
    assert f"In draft {draft.pk}" in page
    assert f'action="/routing/drafts/{draft.pk}/discard"' in page
    browser.post(f"/routing/drafts/{draft.pk}/discard")
    assert f"In draft {draft.pk}" not in browser.get("/routing/providers").content.decode()
    for wrong in ({"kind": "x"}, {"model": "none"}):
        assert browser.post("/routing/providers/draft", sent | wrong).status_code == 404
    assert PolicyVersion.objects.drafts().count() == 0


def test_when_the_records_are_too_many_it_says_so(used: None, make_held_key: Any, settings: Any) -> None:
    """Three days with usage, of which no fold tells."""
    settings.RECORD_QUESTION_DAYS = 1
    posted(make_held_key(*ALL_SCOPES), [call(occurred_at=(timezone.now() - timedelta(days=3)).isoformat())])
    forget()
    told = parameter_advice(now=timezone.now(), project_ids=None)
    assert [one.kind for one in told.found] == []
    assert "for at most 1 days" in told.complaint
