"""Looking for new prices and applying them: nothing before somebody says so, nothing twice, no halves."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import hypothesis
import pytest
from django.db import transaction
from hypothesis import given
from hypothesis import strategies as st
from pytest_django import Settings

from apps.access.domain.errors import Conflict, NotAllowed
from apps.access.domain.identity import Role
from apps.access.models import AuditEntry, Project, User
from apps.costs.domain.list_changes import jump
from apps.costs.models import ListChange, Price, PriceListCheck, PriceListEdition
from apps.costs.selectors.rate_book import current_rate_book, current_version
from apps.costs.services.price_book import Loaded, loading
from apps.costs.services.price_lists import (
    Applied,
    apply_changes,
    ask_daily,
    ask_for_check,
    decide,
    undo_changes,
    work_on_check,
)
from tests.cast import make_person
from tests.costs.factories import make_usage, record
from tests.costs.lists.conftest import FIRST, LATER, SECOND, Lists
from tests.costs.lists.samples import NOW, at

pytestmark = pytest.mark.django_db


def cost(name: str, provider: str = "openai", now: object = None) -> int | None:
    """A million input tokens now, in femto-dollars."""
    match = current_rate_book().lookup(provider, name, LATER + timedelta(days=1))
    return match.card.charge(1_000_000, 0)[0] if match else None


def test_it_works(lists: Lists) -> None:
    assert lists.load() == {"genai-prices": Loaded(1, 2, 2), "litellm": Loaded(1, 1, 2)}
    lists.put("1.1", FIRST | {("openai", "gpt"): "2"}, SECOND | {("groq", "new"): "3"})
    version = current_version()

    check = lists.check()
    assert check.results["genai-prices"]["words"] == "genai-prices 1.1: ready 1, waiting for a decision 0."
    assert lists.changes() == [
        ("genai-prices", "gpt", "changed", "open"),
        ("litellm", "new", "new_model", "open"),
    ]
    assert (current_version(), cost("gpt")) == (version, at("2.5"))

    assert apply_changes(caller=lists.person.caller(), now=LATER) == {
        "genai-prices": Applied("1.1", 1, 0),
        "litellm": Applied("1.1", 1, 1),
    }
    assert (cost("gpt"), cost("new", "groq")) == (at("2"), at("3"))
    assert Price.objects.get(source="genai-prices", source_version="1.1").effective_from == LATER
    assert AuditEntry.objects.filter(action="price_list.applied", actor=lists.person.caller().actor).count() == 1


def test_doing_it_twice_changes_nothing(lists: Lists) -> None:
    lists.load()
    lists.put("1.1", FIRST | {("openai", "gpt"): "2"}, SECOND)
    lists.check()
    lists.check(LATER + timedelta(minutes=1))
    apply_changes(caller=lists.person.caller(), now=LATER)
    version = current_version()

    assert apply_changes(caller=lists.person.caller(), now=LATER + timedelta(hours=1)) == {}
    assert lists.load(LATER + timedelta(hours=2)) == {"genai-prices": Loaded(0, 0, 0), "litellm": Loaded(0, 0, 0)}
    check = lists.check(LATER + timedelta(hours=3))
    assert check.results["genai-prices"]["words"] == "genai-prices 1.1: nothing new."
    assert current_version() == version


@pytest.mark.parametrize(
    "before, after, unit, far",
    [
        ("2.5", "5", "", None),
        ("2.5", "5.01", "input_tokens", "2.004000"),
        ("2.5", "1.25", "", None),
        ("2.5", "1.24", "input_tokens", "0.496000"),
        ("2.5", "0", "input_tokens", None),
        ("0", "0.01", "input_tokens", None),
    ],
)
def test_a_jump_beyond_the_limit_waits(lists: Lists, before: str, after: str, unit: str, far: str | None) -> None:
    lists.put("1.0", FIRST | {("openai", "gpt"): before}, SECOND)
    lists.load()
    lists.put("1.1", FIRST | {("openai", "gpt"): after, ("openai", "mini"): "1.1"}, SECOND)
    lists.check()

    change = ListChange.objects.get(name="gpt")
    assert (change.jump_unit, change.jump_ratio) == (unit, Decimal(far) if far else None)
    apply_changes(caller=lists.person.caller(), now=LATER)
    assert (cost("gpt"), cost("mini")) == (at(before if unit else after), at("1.1"))


def test_a_price_that_is_lost_waits() -> None:
    two = {"input_tokens": Decimal(1), "output_tokens": Decimal(2), "requests": Decimal(3)}

    assert jump(two, {"input_tokens": Decimal(1)}, Decimal(2)) is not None
    assert jump(two, {"input_tokens": Decimal(1), "output_tokens": Decimal(2)}, Decimal(2)) is None
    assert jump(two, two | {"reasoning_output_tokens": Decimal(9)}, Decimal(2)) is None


def test_an_accepted_jump_is_applied_and_a_rejected_one_is_not_asked_again(lists: Lists) -> None:
    lists.load()
    lists.put("1.1", {("openai", "gpt"): "25", ("openai", "mini"): "10"}, SECOND)
    lists.check()
    caller = lists.person.caller()
    gpt, mini = ListChange.objects.get(name="gpt"), ListChange.objects.get(name="mini")
    decide(caller=caller, change_id=gpt.id, accept=True, now=LATER)
    decide(caller=caller, change_id=mini.id, accept=False, now=LATER)
    decide(caller=caller, change_id=mini.id, accept=False, now=LATER)

    assert apply_changes(caller=caller, now=LATER)["genai-prices"].prices == 1
    assert (cost("gpt"), cost("mini")) == (at("25"), at("1"))
    lists.put("1.2", {("openai", "gpt"): "25", ("openai", "mini"): "10"}, SECOND)
    lists.check(LATER + timedelta(hours=1))
    assert [(name, state) for _, name, _, state in lists.changes()] == [("gpt", "applied"), ("mini", "rejected")]
    lists.put("1.3", {("openai", "gpt"): "25", ("openai", "mini"): "11"}, SECOND)
    lists.check(LATER + timedelta(hours=2))
    assert ("genai-prices", "mini", "changed", "quarantined") in lists.changes()
    acts = AuditEntry.objects.filter(action__startswith="price_list.").values_list("action", flat=True)
    assert [acts.filter(action=f"price_list.{act}").count() for act in ("accepted", "rejected")] == [1, 1]


def test_a_price_that_goes_back_to_an_old_value_is_proposed_again(lists: Lists) -> None:
    lists.load()
    caller = lists.person.caller()
    for number, usd in enumerate(("2", "2.5", "2"), 1):
        now = LATER + timedelta(hours=number)
        lists.put(f"1.{number}", FIRST | {("openai", "gpt"): usd}, SECOND)
        lists.check(now)
        assert apply_changes(caller=caller, now=now)["genai-prices"].prices == 1
        assert cost("gpt") == at(usd)


def test_what_the_index_has_comes_before_what_is_at_hand(lists: Lists, settings: Settings) -> None:
    lists.load()
    settings.PRICE_LISTS_FETCH = True
    lists.put("1.10", FIRST | {("openai", "gpt"): "2"}, SECOND, index=True)

    assert lists.check().results["genai-prices"]["version"] == "1.10"
    apply_changes(caller=lists.person.caller(), now=LATER)
    # The next start finds 1.0 at hand, which is older than what the book has.
    assert lists.load(LATER + timedelta(days=1)) == {"genai-prices": Loaded(0, 0, 0), "litellm": Loaded(0, 0, 0)}
    assert cost("gpt") == at("2")


def test_offline_it_says_so_and_what_is_at_hand_stays(lists: Lists, settings: Settings) -> None:
    lists.load()
    settings.PRICE_LISTS_FETCH = True
    lists.index = dict.fromkeys(("genai-prices", "litellm"), "pip could not fetch it: no route.")
    version = current_version()

    result = lists.check().results["litellm"]
    assert result == {
        "version": "1.0",
        "words": "pip could not fetch it: no route. The prices in force are unchanged. litellm 1.0: nothing new.",
        "failed": True,
    }
    assert current_version() == version


def test_a_list_that_cannot_be_read_leaves_the_other_and_all_prices(lists: Lists) -> None:
    lists.load()
    lists.put("1.1", FIRST, SECOND | {("groq", "llama"): "0.6"})
    broken = lists.at_hand["genai-prices"]
    lists.at_hand["genai-prices"] = replace(broken, data=b"providers: list = [boom()]")

    results = lists.check().results
    assert results["genai-prices"]["failed"] is True
    assert "cannot be read" in results["genai-prices"]["words"]
    assert lists.changes() == [("litellm", "llama", "changed", "open")]
    assert cost("gpt") == at("2.5")


def test_a_newer_start_applies_what_needs_no_decision(lists: Lists) -> None:
    lists.load()
    lists.put("1.1", {("openai", "gpt"): "25", ("openai", "mini"): "1.1"}, SECOND)

    assert lists.load(LATER)["genai-prices"] == Loaded(0, 0, 1)
    assert (cost("gpt"), cost("mini")) == (at("2.5"), at("1.1"))
    assert ("genai-prices", "gpt", "changed", "quarantined") in lists.changes()


def test_killed_in_the_middle_nothing_was_written(lists: Lists, monkeypatch: pytest.MonkeyPatch) -> None:
    lists.load()
    lists.put("1.1", FIRST | {("openai", "gpt"): "2"}, SECOND | {("groq", "new"): "3"})
    lists.check()
    rows = Price.objects.count()
    real = loading._copy_in

    def dies_at_litellm(model: object, found: list[Price], **options: object) -> None:
        if any(getattr(row, "source", "") == "litellm" for row in found):
            raise KeyboardInterrupt
        real(model, found, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(loading, "_copy_in", dies_at_litellm)
    with pytest.raises(KeyboardInterrupt), transaction.atomic():
        apply_changes(caller=lists.person.caller(), now=LATER)
    assert Price.objects.count() == rows
    assert {state for *_, state in lists.changes()} == {"open"}
    monkeypatch.setattr(loading, "_copy_in", real)
    assert apply_changes(caller=lists.person.caller(), now=LATER)["litellm"] == Applied("1.1", 1, 1)


def test_undo_appends_what_stood_before(lists: Lists) -> None:
    lists.load()
    lists.put("1.1", FIRST | {("openai", "gpt"): "2", ("openai", "new"): "4"}, SECOND)
    lists.check()
    caller = lists.person.caller()
    apply_changes(caller=caller, now=LATER)
    edition = PriceListEdition.objects.get(source="genai-prices", version="1.1")
    back = LATER + timedelta(hours=1)

    assert undo_changes(caller=caller, edition_id=edition.id, now=back) == 1
    assert (cost("gpt"), cost("new")) == (at("2.5"), at("4"))
    timeline = Price.objects.filter(source="genai-prices", model__name="gpt").order_by("id")
    assert list(timeline.values_list("effective_from", "input_usd_per_mtok")) == [
        (None, Decimal("2.5")), (LATER, Decimal(2)), (back, Decimal("2.5")),
    ]  # fmt: skip
    assert undo_changes(caller=caller, edition_id=edition.id, now=back) == 0
    lists.check(back + timedelta(hours=1))
    assert ("genai-prices", "gpt", "changed", "undone") in lists.changes()
    assert apply_changes(caller=caller, now=back + timedelta(hours=1)) == {}


def test_the_effect_on_the_last_30_days_is_exact(lists: Lists) -> None:
    lists.load()
    hour = LATER - timedelta(hours=1)
    record(
        make_usage(hour, model="gpt", cost_usd=None, input_tokens=1_000_001, output_tokens=3),
        make_usage(hour, model="gpt", cost_usd=None, input_tokens=7, output_tokens=0),
        make_usage(hour, model="gpt", cost_usd="9"),
        make_usage(hour, model="gpt", cost_usd=None, input_tokens=5, calls=5, output_tokens=0),
        make_usage(hour, provider="groq", model="new", cost_usd=None, input_tokens=1_000_000, output_tokens=0),
        now=LATER,
    )
    lists.put("1.1", FIRST | {("openai", "gpt"): "2", ("openai", "mini"): "1.5"}, SECOND | {("groq", "new"): "3"})
    lists.check()

    found = {change.name: (change.calls, change.effect_usd) for change in ListChange.objects.all()}
    # 1,000,013 tokens at 0.5 $/M less; what the provider billed is not the book's to change.
    assert found == {
        "gpt": (7, Decimal("-0.5000065")),
        "mini": (0, Decimal(0)),
        "new": (1, Decimal(3)),
    }


def test_a_list_below_the_one_that_holds_has_no_effect(lists: Lists) -> None:
    lists.load()
    record(make_usage(LATER - timedelta(hours=1), model="gpt", cost_usd=None), now=LATER)
    lists.put("1.1", FIRST, SECOND | {("openai", "gpt"): "2"})
    lists.check()

    assert ListChange.objects.get(source="litellm").effect_usd == 0


def test_only_one_check_is_open_and_a_dead_worker_s_is_taken_over(lists: Lists) -> None:
    caller = lists.person.caller()
    ask_for_check(caller=caller, now=NOW)
    with pytest.raises(Conflict, match="being checked"):
        ask_for_check(caller=caller, now=NOW)
    PriceListCheck.objects.update(taken_until=NOW + timedelta(minutes=5))

    assert work_on_check(now=NOW) is None
    assert work_on_check(now=NOW + timedelta(minutes=6)) is not None
    assert work_on_check(now=NOW + timedelta(minutes=7)) is None


def test_the_daily_check(lists: Lists, settings: Settings) -> None:
    lists.load()
    assert ask_daily(now=NOW + timedelta(hours=23)) is None
    settings.PRICE_LISTS_APPLY = True
    lists.put("1.1", {("openai", "gpt"): "25", ("openai", "mini"): "1.1"}, SECOND)
    assert ask_daily(now=LATER) is not None
    assert ask_daily(now=LATER) is None
    done = work_on_check(now=LATER)

    assert done is not None
    assert done.results["genai-prices"]["words"].endswith("ready 1, waiting for a decision 1. Applied 1.")
    assert (cost("gpt"), cost("mini")) == (at("2.5"), at("1.1"))


def test_whoever_is_limited_to_projects_changes_no_list(lists: Lists, support: Project) -> None:
    lists.load()
    lists.put("1.1", {("openai", "gpt"): "25", ("openai", "mini"): "1.1"}, SECOND)
    lists.check()
    dora: User = make_person("dora@example.org", Role.ADMIN, support)
    caller = dora.caller()
    change = ListChange.objects.get(name="gpt")
    for act in (
        lambda: ask_for_check(caller=caller, now=LATER),
        lambda: apply_changes(caller=caller, now=LATER),
        lambda: decide(caller=caller, change_id=change.id, accept=True, now=LATER),
        lambda: undo_changes(caller=caller, edition_id=change.edition_id, now=LATER),
    ):
        with pytest.raises(NotAllowed):
            act()


PRICES = st.dictionaries(
    st.sampled_from([("openai", "gpt"), ("openai", "mini"), ("groq", "llama"), ("groq", "new")]),
    st.sampled_from(["0", "0.5", "1", "1.9", "2.5", "40"]),
)


@hypothesis.settings(
    max_examples=8, deadline=None, suppress_health_check=[hypothesis.HealthCheck.function_scoped_fixture]
)
@given(st.lists(st.tuples(PRICES, PRICES), min_size=1, max_size=3))
def test_after_applying_everything_a_second_check_finds_nothing(
    lists: Lists, editions: list[tuple[dict[tuple[str, str], str], dict[tuple[str, str], str]]]
) -> None:
    with transaction.atomic():
        caller = lists.person.caller()
        for number, (first, second) in enumerate(editions):
            now = NOW + timedelta(hours=number)
            lists.put(f"1.{number}", first, second)
            lists.check(now)
            for change in ListChange.objects.filter(state="quarantined"):
                decide(caller=caller, change_id=change.id, accept=True, now=now)
            apply_changes(caller=caller, now=now)
            lists.put(f"1.{number}", first, second)
            lists.check(now + timedelta(minutes=1))
            assert not ListChange.objects.filter(state__in=("open", "quarantined", "accepted")).exists()
            for source, wanted in (("genai-prices", first), ("litellm", second)):
                for (provider, name), usd in wanted.items():
                    newest = Price.objects.filter(source=source, model__provider_id=provider, model__name=name)
                    assert newest.order_by("id").last().input_usd_per_mtok == Decimal(usd)  # type: ignore[union-attr]
        transaction.set_rollback(True)
