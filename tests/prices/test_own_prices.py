"""Own prices as people set, end and undo them; and the law that undo restores exactly."""

import random
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.access.domain.errors import Conflict, NotAllowed, Refused
from apps.access.domain.identity import Caller, Role
from apps.access.models import AuditEntry, Project, User
from apps.costs.domain.own_schedule import OwnSpan, cleared, laid_over, span_at
from apps.costs.domain.pricing import Rates
from apps.costs.models import LanguageModel, OwnPrice, Price, PriceChange
from apps.costs.selectors.price_effect import effect
from apps.costs.selectors.rate_book import current_rate_book, current_version
from apps.costs.services.price_book.changes import undo_change
from apps.costs.services.price_book.own import Term, create_model, end_own_price, set_own_price
from apps.costs.services.price_book.rehearsing import rehearse
from tests.cast import make_person
from tests.costs.posting import load_prices
from tests.usage import call, report

START = datetime(2026, 6, 1, tzinfo=UTC)
NOW = datetime(2026, 11, 22, 13, 52, 7, tzinfo=UTC)
DAY = timedelta(days=1)


@pytest.fixture
def admin(bob: User) -> Caller:
    load_prices()
    return bob.caller()


def on(day: int | None) -> datetime | None:
    return None if day is None else START + day * DAY


def flat(rate: str) -> Rates:
    return Rates({"input_tokens": Decimal(rate), "output_tokens": Decimal(rate)})


def gpt() -> int:
    return LanguageModel.objects.get(name="gpt-4.1").pk


def put(admin: Caller, rate: str, since: int | None, until: int | None = None) -> PriceChange | None:
    term = Term(on(since), on(until))
    return set_own_price(caller=admin, model_id=gpt(), rates=flat(rate), term=term, now=NOW, note="contract")


def input_rates(*days: float) -> list[Decimal | None]:
    book = current_rate_book()
    found = [book.lookup("openai", "gpt-4.1", START + day * DAY) for day in days]
    return [Decimal(match.card.charge(10**6, 0)[0] or 0).scaleb(-15) if match else None for match in found]


def test_it_works(admin: Caller) -> None:
    change = put(admin, "5", 2, 4)
    assert change is not None
    assert change.words == "Own price of openai/gpt-4.1 from 2026-06-03 00:00 UTC until 2026-06-05 00:00 UTC"
    assert input_rates(1, 2, 3.9, 4) == [2, 5, 5, 2]
    own = OwnPrice.objects.get()
    assert (own.created_by, own.note, own.price.source) == ("bob@example.org", "contract", "own")
    assert AuditEntry.objects.filter(action="price.set", object_id=str(change.pk)).count() == 1


def test_a_later_one_cuts_the_earlier_one(admin: Caller) -> None:
    put(admin, "5", None)
    put(admin, "6", 2, 4)
    assert input_rates(0, 2, 3.9, 4, 400) == [5, 6, 6, 5, 5]
    assert OwnPrice.objects.count() == 3


def test_the_same_again_changes_nothing(admin: Caller) -> None:
    put(admin, "5", 2)
    before = (current_version(), Price.objects.count(), AuditEntry.objects.count())
    assert put(admin, "5", 2) is None
    assert (current_version(), Price.objects.count(), AuditEntry.objects.count()) == before


def test_ending_leaves_the_list(admin: Caller) -> None:
    put(admin, "5", 2)
    assert end_own_price(caller=admin, model_id=gpt(), term=Term(on(4), None)) is not None
    assert input_rates(3, 4) == [5, 2]
    assert end_own_price(caller=admin, model_id=gpt(), term=Term(on(4), None)) is None


@pytest.mark.parametrize(
    ("rates", "since", "until", "code"),
    [
        (flat("1"), 3, 3, "empty"),
        (flat("1"), 3, 2, "empty"),
        (Rates({}), 3, None, "required"),
        (Rates({"cache_read_input_tokens": Decimal(1)}), 3, None, "required"),
        (Rates({"input_tokens": Decimal(-1)}), 3, None, "invalid"),
    ],
)
def test_what_makes_no_sense_is_refused(admin: Caller, rates: Rates, since: int, until: int | None, code: str) -> None:
    with pytest.raises(Refused) as refused:
        set_own_price(caller=admin, model_id=gpt(), rates=rates, term=Term(on(since), on(until)), now=NOW)
    assert refused.value.code == code
    assert not OwnPrice.objects.exists()


def test_an_admin_of_some_projects_cannot_change_prices(admin: Caller, support: Project) -> None:
    limited = make_person("dora@example.org", Role.ADMIN, support).caller()
    with pytest.raises(NotAllowed):
        put(limited, "5", 2)


def test_undo_puts_back_what_stood(admin: Caller) -> None:
    first, second = put(admin, "5", None), put(admin, "6", 2, 4)
    assert first is not None
    assert second is not None
    with pytest.raises(Conflict, match="undo that one first"):
        undo_change(caller=admin, change_id=first.pk)
    back = undo_change(caller=admin, change_id=second.pk)
    assert input_rates(0, 3, 5) == [5, 5, 5]
    with pytest.raises(Conflict, match="already"):
        undo_change(caller=admin, change_id=second.pk)
    undo_change(caller=admin, change_id=back.pk)
    assert input_rates(0, 3, 5) == [5, 6, 5]
    undo_change(caller=admin, change_id=PriceChange.objects.latest("id").pk)
    undo_change(caller=admin, change_id=first.pk)
    assert input_rates(0, 3, 5) == [2, 2, 2]


def test_a_model_no_list_has(admin: Caller) -> None:
    model = create_model(caller=admin, provider="Acme AI", name=" acme-1 ")
    assert (model.provider_id, model.name) == ("acme ai", "acme-1")
    with pytest.raises(Conflict):
        create_model(caller=admin, provider="acme ai", name="ACME-1")
    set_own_price(caller=admin, model_id=model.pk, rates=flat("3"), term=Term(None, None), now=NOW)
    assert current_rate_book().lookup("Acme AI", "acme-1", START) is not None


# -- The effect on real usage ----------------------------------------------------------------------------------------


def unreported(moment: datetime, **fields: object) -> dict[str, object]:
    found = call(moment, **fields)
    del found["cost_usd"]
    return found


def test_the_effect_is_exact_and_nothing_is_written(admin: Caller) -> None:
    usage = [
        unreported(NOW - day * DAY, input_tokens=1000 + day, output_tokens=7, model="openai/gpt-4.1")
        for day in range(40)
    ]
    report([*usage, call(NOW, cost_usd="1"), unreported(NOW, model="gift", provider="groq")], NOW)
    version = current_version()
    term = Term(NOW, None)
    seen = rehearse(lambda: set_own_price(caller=admin, model_id=gpt(), rates=flat("3"), term=term, now=NOW))
    found = effect(seen.before, seen.after, at=NOW, now=NOW, project_ids=None)
    lately = range(30)
    assert (found.records, found.reported, found.is_whole) == (30, 1, True)
    assert found.before_usd == sum(Decimal((1000 + day) * 2 + 7 * 8).scaleb(-6) for day in lately)
    assert found.after_usd == sum(Decimal((1000 + day) * 3 + 7 * 3).scaleb(-6) for day in lately)
    assert (current_version(), OwnPrice.objects.count(), PriceChange.objects.count()) == (version, 0, 0)


def test_more_records_than_may_be_looked_at_are_said(admin: Caller, settings: object) -> None:
    settings.PRICE_PREVIEW_RECORDS = 2  # type: ignore[attr-defined]
    report([unreported(NOW - day * DAY) for day in range(3)], NOW)
    seen = rehearse(lambda: put(admin, "3", None))
    found = effect(seen.before, seen.after, at=NOW, now=NOW, project_ids=None)
    assert (found.records, found.is_whole) == (2, False)


def test_an_unpriced_model_gets_a_price(admin: Caller) -> None:
    report([unreported(NOW, provider="acme", model="m", input_tokens=10, output_tokens=0)], NOW)

    def act() -> None:
        model = create_model(caller=admin, provider="acme", name="m")
        set_own_price(caller=admin, model_id=model.pk, rates=flat("3"), term=Term(None, None), now=NOW)

    seen = rehearse(act)
    found = effect(seen.before, seen.after, at=NOW, now=NOW, project_ids=None)
    assert (found.unpriced_before, found.unpriced_after, found.after_usd) == (1, 0, Decimal("0.00003"))


# -- Laws ------------------------------------------------------------------------------------------------------------

_ENDS = st.none() | st.integers(0, 9)


@st.composite
def terms(draw: st.DrawFn) -> tuple[int | None, int | None]:
    since = draw(_ENDS)
    until = draw(st.none() | st.integers((since or 0) + 1, 10))
    return since, until


def spans(chosen: list[tuple[int | None, int | None]]) -> list[OwnSpan]:
    found: list[OwnSpan] = []
    for number, (since, until) in enumerate(chosen):
        found = laid_over(found, OwnSpan(number, on(since), on(until), "bob", NOW))
    return found


@given(st.lists(terms(), max_size=5), terms(), st.integers(-1, 23))
def test_the_last_one_laid_on_top_holds_and_none_overlap(
    chosen: list[tuple[int | None, int | None]], gap: tuple[int | None, int | None], half_days: int
) -> None:
    at = START + half_days * DAY / 2
    made = spans(chosen)
    covering = [number for number, (since, until) in enumerate(chosen) if _covers(since, until, at)]
    held = span_at(made, at)
    assert (held.price_id if held else None) == (covering[-1] if covering else None)
    assert not any(one is not other and one.overlaps(other.lower, other.upper) for one in made for other in made)
    left = span_at(cleared(made, on(gap[0]), on(gap[1])), at)
    assert (left and left.price_id) == (None if _covers(*gap, at) else held and held.price_id)


def _covers(since: int | None, until: int | None, at: datetime) -> bool:
    lower, upper = on(since), on(until)
    return (lower is None or lower <= at) and (upper is None or at < upper)


def rows() -> list[tuple[object, ...]]:
    return list(
        OwnPrice.objects.order_by("during").values_list("price_id", "during", "note", "created_by", "created_at")
    )


@pytest.mark.parametrize("seed", range(8))
def test_undoing_everything_backwards_restores_every_state(admin: Caller, seed: int) -> None:
    dice = random.Random(seed)
    states, changes = [rows()], []
    for number in range(6):
        since = dice.choice([None, *range(8)])
        until = dice.choice([None, (since or 0) + dice.randrange(1, 5)])
        if dice.random() < 0.3:
            change = end_own_price(caller=admin, model_id=gpt(), term=Term(on(since), on(until)))
        else:
            change = put(admin, str(number + 1), since, until)
        if change is not None:
            changes.append(change.pk)
            states.append(rows())
    for change_id, state in zip(reversed(changes), reversed(states[:-1]), strict=True):
        undo_change(caller=admin, change_id=change_id)
        assert rows() == state
