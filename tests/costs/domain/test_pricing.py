"""What a call costs, with the sums worked out."""

from decimal import Decimal
from functools import reduce
from operator import or_
from typing import Any

import pytest

from apps.costs.domain.pricing import (
    ASSUMED_CACHE_CREATION,
    ASSUMED_CACHE_CREATION_1H,
    ASSUMED_CACHE_READ,
    ASSUMED_OVERLAP,
    ASSUMED_PART,
    ASSUMED_REASONING,
    ASSUMED_SERVICE_TIER,
    RateCard,
    Rates,
    RateSet,
    ServiceTier,
    Tiered,
    Usage,
    Window,
    usd,
)

USD = 10**15


def rate_set(**rates: str) -> dict[str, Decimal]:
    return {unit: Decimal(rate) for unit, rate in rates.items()}


FLAT = rate_set(input_tokens="3", output_tokens="15")
FULL = FLAT | rate_set(
    cache_read_input_tokens="0.3",
    cache_creation_input_tokens="3.75",
    cache_creation_1h_input_tokens="6",
    reasoning_output_tokens="20",
    web_searches="10",
    requests="5",
)


def card(rates: RateSet) -> RateCard:
    return RateCard(Rates(rates))


def test_it_adds_up_every_part_at_its_own_rate() -> None:
    # 400 x 3 + 300 x 0.3 + 200 x 3.75 + 100 x 6 + 70 x 15 + 30 x 20 = 4290 millionths; 2 searches 0.02, 1 request 0.005
    femto, assumed = card(FULL).charge(1000, 100, 300, 300, 100, 30, None, 2, 1)

    assert femto is not None
    assert usd(femto) == Decimal("0.02929")
    assert assumed == 0


@pytest.mark.parametrize(
    ("tokens", "expected", "assumed"),
    [
        ({"cache_read": 100}, 100 * 3, ASSUMED_CACHE_READ),
        ({"cache_creation": 100}, 100 * 3, ASSUMED_CACHE_CREATION),
        (
            {"cache_creation": 100, "cache_creation_1h": 100},
            100 * 3,
            ASSUMED_CACHE_CREATION | ASSUMED_CACHE_CREATION_1H,
        ),
        ({"other": {"input_audio_tokens": 40}}, 100 * 3, ASSUMED_PART),
        ({"other": {"input_tool_tokens": 40}}, 100 * 3, ASSUMED_PART),
        ({"other": {"input_text_tokens": 40}}, 100 * 3, 0),
        ({}, 100 * 3, 0),
    ],
)
def test_a_part_without_a_rate_is_billed_as_its_parent(tokens: dict[str, Any], expected: int, assumed: int) -> None:
    assert card(FLAT).charge(100, 0, **tokens) == (expected * USD // 10**6, assumed)
    parts = card(FLAT).explain(Usage(100, **tokens))
    assert parts is not None
    assert reduce(or_, (part.assumed for part in parts)) == assumed


def test_reasoning_without_a_rate_is_billed_as_output() -> None:
    assert card(FLAT).charge(0, 100, reasoning=60) == (100 * 15 * USD // 10**6, ASSUMED_REASONING)


def test_1_hour_writes_without_a_rate_are_billed_as_5_minute_writes() -> None:
    rates = FLAT | rate_set(cache_creation_input_tokens="3.75")

    assert card(rates).charge(100, 0, cache_creation=100, cache_creation_1h=40) == (
        375 * USD // 10**6,
        ASSUMED_CACHE_CREATION_1H,
    )


def test_overlapping_parts_are_billed_once() -> None:
    rates = FLAT | rate_set(cache_read_input_tokens="0.3", input_audio_tokens="32", cache_read_input_audio_tokens="0.4")
    other = {"input_audio_tokens": 250, "cache_read_input_audio_tokens": 100}

    # text 450 x 3, cached text 300 x 0.3, audio 150 x 32, cached audio 100 x 0.4 = 6280
    assert card(rates).charge(1000, 0, cache_read=400, other=other) == (6280 * USD // 10**6, 0)


def test_cached_audio_without_a_rate_is_billed_as_cached() -> None:
    rates = FLAT | rate_set(cache_read_input_tokens="0.3", input_audio_tokens="32")
    other = {"input_audio_tokens": 250, "cache_read_input_audio_tokens": 100}

    # text 450 x 3, cached 400 x 0.3, audio 150 x 32
    assert card(rates).charge(1000, 0, cache_read=400, other=other) == (6270 * USD // 10**6, ASSUMED_PART)


def test_cached_parts_include_their_1_hour_share() -> None:
    rates = FLAT | rate_set(
        cache_creation_input_tokens="4", cache_creation_1h_input_tokens="6", input_audio_tokens="32"
    )
    other = {
        "input_audio_tokens": 50,
        "cache_creation_input_audio_tokens": 30,
        "cache_creation_1h_input_audio_tokens": 10,
    }

    # text 20 x 3, audio 20 x 32, written 20 + 20 x 4, for an hour 10 + 10 x 6
    femto, assumed = card(rates).charge(100, 0, cache_creation=60, cache_creation_1h=20, other=other)
    assert femto == (20 * 3 + 20 * 32 + 40 * 4 + 20 * 6) * USD // 10**6
    assert assumed == ASSUMED_PART


def test_an_overlap_that_must_be_is_taken_as_small_as_it_can_be() -> None:
    rates = FLAT | rate_set(cache_read_input_tokens="0.3", input_audio_tokens="32")

    # 900 cached and 500 audio of 1000: at least 400 are both; cached 900 x 0.3, audio 100 x 32
    femto, assumed = card(rates).charge(1000, 0, cache_read=900, other={"input_audio_tokens": 500})

    assert femto == 3470 * USD // 10**6
    assert assumed == ASSUMED_OVERLAP | ASSUMED_PART


@pytest.mark.parametrize(
    ("tokens", "calls", "rate"),
    [(2_000_000, 10, 3), (2_000_001, 10, 6), (2_000_010, 10, 6), (200_001, 1, 6), (999_999, 5, 3), (0, 7, 3)],
)
def test_a_sum_of_calls_pays_the_tier_of_their_average(tokens: int, calls: int, rate: int) -> None:
    tiered = card({"input_tokens": Tiered(Decimal(3), ((200_000, Decimal(6)),)), "output_tokens": Decimal(15)})

    assert tiered.charge(tokens, 1000, calls=calls)[0] == tokens * rate * 10**9 + 15 * 10**12
    parts = tiered.explain(Usage(tokens, 1000), calls=calls) or []
    assert sum(part.femto_usd for part in parts) == tokens * rate * 10**9 + 15 * 10**12


@pytest.mark.parametrize(("tokens", "rate"), [(199_999, 3), (200_000, 3), (200_001, 6)])
def test_the_whole_request_pays_the_tier_above_the_threshold(tokens: int, rate: int) -> None:
    tiered = card({"input_tokens": Tiered(Decimal(3), ((200_000, Decimal(6)),)), "output_tokens": Decimal(15)})

    assert tiered.charge(tokens, 10, cache_read=150_000)[0] == (tokens * rate + 10 * 15) * USD // 10**6


@pytest.mark.parametrize(
    ("tokens", "input_rate", "output_rate"), [(32_000, 1, 2), (32_001, 1, 18), (128_000, 1, 18), (128_001, 9, 18)]
)
def test_every_unit_has_thresholds_of_its_own(tokens: int, input_rate: int, output_rate: int) -> None:
    rates = {
        "input_tokens": Tiered(Decimal(1), ((128_000, Decimal(9)),)),
        "output_tokens": Tiered(Decimal(2), ((32_000, Decimal(18)),)),
    }

    assert card(rates).charge(tokens, 1000)[0] == (tokens * input_rate + 1000 * output_rate) * USD // 10**6


@pytest.mark.parametrize(
    ("minute", "rate"), [(0, 1), (29, 1), (30, 3), (989, 3), (990, 3), (991, 3), (1439, 1), (1380, 1), (1379, 3)]
)
def test_a_window_may_wrap_past_midnight(minute: int, rate: int) -> None:
    night = Window(23 * 60, 30, rate_set(input_tokens="1"))
    rates = Rates(FLAT, windows=(night,))

    assert RateCard(rates).charge(100, 0, minute_of_day=minute)[0] == 100 * rate * USD // 10**6


def test_a_window_changes_only_the_rates_it_has() -> None:
    window = Window(60, 240, {"output_tokens": Decimal(30)})
    rates = Rates(FLAT | rate_set(reasoning_output_tokens="20"), windows=(window,))

    assert RateCard(rates).charge(100, 100, reasoning=40, minute_of_day=60)[0] == (300 + 1800 + 800) * USD // 10**6
    assert RateCard(rates).charge(100, 100, reasoning=40, minute_of_day=240)[0] == (300 + 900 + 800) * USD // 10**6


def test_of_overlapping_windows_the_later_wins() -> None:
    rates = Rates(
        FLAT, windows=(Window(0, 100, rate_set(input_tokens="1")), Window(50, 60, rate_set(input_tokens="2")))
    )

    costs = [RateCard(rates).charge(1, 0, minute_of_day=minute)[0] for minute in (49, 50, 60, 100)]
    assert costs == [10**9, 2 * 10**9, 10**9, 3 * 10**9]


SERVICE_TIERS = {
    "batch": ServiceTier(multiplier=Decimal("0.5")),
    "flex": ServiceTier(rate_set(input_tokens="1")),
}


@pytest.mark.parametrize(
    ("service_tier", "micro_usd", "assumed"),
    [
        ("standard", 100 * 3 + 10 * 15, 0),
        ("batch", (100 * 3 + 10 * 15) // 2, 0),
        ("flex", 100 * 1 + 10 * 15, 0),
        ("priority", 100 * 3 + 10 * 15, ASSUMED_SERVICE_TIER),
    ],
)
def test_service_tiers(service_tier: str, micro_usd: int, assumed: int) -> None:
    rates = Rates(FLAT | rate_set(requests="1"), SERVICE_TIERS)
    femto, bits = RateCard(rates).charge(100, 10, service_tier=service_tier)

    # The fee of 0.001 per request has no batch price.
    assert femto == micro_usd * 10**9 + 10**12
    assert bits == assumed


def test_a_service_tier_without_thresholds_stays_flat() -> None:
    long: RateSet = {"input_tokens": Tiered(Decimal(3), ((200_000, Decimal(6)),)), "output_tokens": Decimal(15)}
    rates = Rates(long, {"flex": ServiceTier(rate_set(input_tokens="2.5"))})

    assert RateCard(rates).charge(300_000, 0, service_tier="flex")[0] == 750_000 * USD // 10**6
    assert RateCard(rates).charge(300_000, 0)[0] == 1_800_000 * USD // 10**6


def test_a_multiplier_changes_tokens_and_not_fees() -> None:
    rates = Rates(FLAT | rate_set(web_searches="10"), multiplier=Decimal("1.1"))

    assert RateCard(rates).charge(100, 10, web_searches=2)[0] == 495 * 10**9 + 2 * 10**13


@pytest.mark.parametrize(
    ("rates", "usage", "priced"),
    [
        ({"input_tokens": "1"}, Usage(5, 0), True),
        ({"input_tokens": "1"}, Usage(5, 1), False),
        ({"output_tokens": "1"}, Usage(1, 5), False),
        ({"input_tokens": "0", "output_tokens": "0"}, Usage(1, 5), True),
        ({"cache_read_input_tokens": "1", "output_tokens": "1"}, Usage(5, 0, cache_read=5), False),
        ({"requests": "5"}, Usage(), True),
        ({}, Usage(), False),
        ({"input_tokens": "1"}, Usage(5, 5, other={"output_audio_tokens": 5}), False),
    ],
)
def test_without_a_rate_for_its_tokens_a_call_is_unpriced(rates: dict[str, str], usage: Usage, priced: bool) -> None:
    femto, assumed = card(rate_set(**rates)).charge(
        usage.input_tokens, usage.output_tokens, usage.cache_read, other=usage.other
    )

    assert (femto is not None) == priced
    assert (card(rate_set(**rates)).explain(usage) is not None) == priced
    assert assumed == 0


def test_a_rate_for_a_part_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="'sausage_tokens' is part of neither input_tokens nor output_tokens"):
        card(rate_set(sausage_tokens="1"))


@pytest.mark.parametrize("rate", ["-1", "NaN", "Infinity"])
def test_a_rate_that_is_no_price_is_refused(rate: str) -> None:
    with pytest.raises(ValueError, match=r"input_tokens: a rate is a finite number of USD, 0 or more"):
        card(rate_set(input_tokens=rate))


def test_a_finer_rate_is_rounded_once_at_the_end() -> None:
    # 3 tokens at half a femto-dollar are 1.5, which rounds to the even 2; 1 and 5 tokens round to 0 and 2.
    halves = card(rate_set(input_tokens="0.0000000005", output_tokens="0"))

    assert [halves.charge(tokens, 0)[0] for tokens in (1, 3, 5, 7)] == [0, 2, 2, 4]


def test_explain_names_the_parts() -> None:
    parts = card(FULL).explain(Usage(1000, 100, 300, 300, 100, 30, web_searches=2))

    assert parts is not None
    assert [(part.unit, part.count, part.usd_rate, part.femto_usd) for part in parts] == [
        ("input_tokens", 400, Decimal(3), 1200 * 10**9),
        ("cache_read_input_tokens", 300, Decimal("0.3"), 90 * 10**9),
        ("cache_creation_input_tokens", 200, Decimal("3.75"), 750 * 10**9),
        ("cache_creation_1h_input_tokens", 100, Decimal(6), 600 * 10**9),
        ("output_tokens", 70, Decimal(15), 1050 * 10**9),
        ("reasoning_output_tokens", 30, Decimal(20), 600 * 10**9),
        ("web_searches", 2, Decimal(10), 2 * 10**13),
        ("requests", 1, Decimal(5), 5 * 10**12),
    ]


def test_explain_marks_what_is_assumed() -> None:
    parts = card(FLAT).explain(Usage(100, 0, cache_read=40))

    assert parts is not None
    assert [(part.unit, part.usd_rate, part.assumed) for part in parts] == [
        ("input_tokens", Decimal(3), 0),
        ("cache_read_input_tokens", Decimal(3), ASSUMED_CACHE_READ),
    ]


def test_other_counts_are_billed_per_thousand_when_they_have_a_rate() -> None:
    searching = card(FLAT | rate_set(storage_searches="2.5"))

    assert searching.charge(0, 0, other={"storage_searches": 4, "unheard_of": 9})[0] == 4 * 25 * 10**11
