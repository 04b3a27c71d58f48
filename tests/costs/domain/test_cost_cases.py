"""Price calculations with known results, taken from the tests and data of other cost trackers."""

import json
import re
from collections import defaultdict
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from apps.costs.domain.pricing import Rate, RateCard, Rates, RateSet, ServiceTier, Tiered, Usage, usd

CASES = Path(__file__).parents[4] / "shared" / "data" / "pricing" / "cost_cases.jsonl"

EXCLUDED = {
    "curated-0011": "holds no rates: it is priced through the price book in test_rate_book.py",
    "curated-0092": "holds no rates: a cost the provider reported, which ingest keeps and arithmetic never sees",
    "curated-0100": "Langfuse's price for the total replaces those of its parts; ours adds parts up",
    "curated-0103": "Langfuse's price for the total replaces those of its parts; ours adds parts up",
    "dataset-0449": "holds no rates and expects 0; a call without a rate is unpriced here, never zero",
    "dataset-0583": "holds no rates and expects 0; a call without a rate is unpriced here, never zero",
}

UNITS = {
    "input": "input_tokens",
    "output": "output_tokens",
    "cached_read": "cache_read_input_tokens",
    "cache_write": "cache_creation_input_tokens",
    "cache_write_1h": "cache_creation_1h_input_tokens",
    "reasoning": "reasoning_output_tokens",
    "web_search_per_1k": "web_searches",
    "input_mtok": "input_tokens",
    "output_mtok": "output_tokens",
    "cache_read_mtok": "cache_read_input_tokens",
    "cache_write_mtok": "cache_creation_input_tokens",
    "cache_write_1h_mtok": "cache_creation_1h_input_tokens",
    "output_reasoning_mtok": "reasoning_output_tokens",
    "web_searches_kcount": "web_searches",
    "storage_searches_kcount": "storage_searches",
    "requests_kcount": "requests",
    "input_cost_per_token": "input_tokens",
    "output_cost_per_token": "output_tokens",
    "cache_read_input_token_cost": "cache_read_input_tokens",
    "cache_creation_input_token_cost": "cache_creation_input_tokens",
    "cache_creation_input_token_cost_above_1hr": "cache_creation_1h_input_tokens",
    "input_cost_per_audio_token": "input_audio_tokens",
    "output_cost_per_audio_token": "output_audio_tokens",
    "output_cost_per_reasoning_token": "reasoning_output_tokens",
}
PATTERNS = (
    (r"(?:cached|cache)_(\w+)_read(?:_mtok)?", r"cache_read_input_\1_tokens"),
    (r"(input|output)_(\w+)_mtok", r"\1_\2_tokens"),
    (r"(\w+)_(input|output)", r"\2_\1_tokens"),
)
LITELLM_KEY = re.compile(
    r"(?P<unit>\w+?)(?:_above_(?P<above>\d+)k_tokens)?(?:_(?P<tier>batches|batch|flex|priority))?$"
)
FIELDS: dict[str, Any] = {
    "input": "input_tokens",
    "output": "output_tokens",
    "cached_read": "cache_read",
    "cache_write": "cache_creation",
    "cache_write_1h": "cache_creation_1h",
    "reasoning": "reasoning",
    "web_searches": "web_searches",
}
SERVICE_TIERS = {"batches": "batch", "batch": "batch", "flex": "flex", "priority": "priority"}


def unit(name: str) -> str:
    for pattern, ours in ((re.escape(key), value) for key, value in UNITS.items()):
        if re.fullmatch(pattern, name):
            return ours
    for pattern, ours in PATTERNS:
        if re.fullmatch(pattern, name):
            return re.sub(pattern, ours, name)
    raise AssertionError(f"no unit of ours for {name}")


def rate(value: Any) -> Rate:
    if isinstance(value, dict):
        return Tiered(Decimal(value["base"]), tuple((tier["start"], Decimal(tier["price"])) for tier in value["tiers"]))
    return Decimal(value)


def rates(case: dict[str, Any]) -> Rates:
    prices = case["prices_per_mtok"] or {}
    if case["kind"] == "library":
        return litellm_rates(prices)
    above: defaultdict[str, list[tuple[int, Decimal]]] = defaultdict(list)
    for tier in case.get("tiers", []):
        for name, price in tier["prices"].items():
            above[name].append((tier["above_input"], Decimal(price)))
    base: dict[str, Rate] = {unit(name): rate(value) for name, value in prices.items()}
    for name, steps in above.items():
        base[unit(name)] = Tiered(Decimal(prices[name]), tuple(steps))
    return Rates(base, multiplier=Decimal(case.get("multiplier", 1)))


def litellm_rates(prices: dict[str, str]) -> Rates:
    sets: defaultdict[str, defaultdict[str, list[tuple[int, Decimal]]]] = defaultdict(lambda: defaultdict(list))
    for key, price in prices.items():
        found = LITELLM_KEY.match(key)
        assert found
        steps = sets[SERVICE_TIERS.get(found["tier"] or "", "standard")][unit(found["unit"])]
        steps.append((int(found["above"] or 0) * 1000, Decimal(price)))
    built = {tier: {name: steps_rate(steps) for name, steps in units.items()} for tier, units in sets.items()}
    standard: RateSet = built.pop("standard")
    return Rates(standard, {tier: ServiceTier(rates) for tier, rates in built.items()})


def steps_rate(steps: list[tuple[int, Decimal]]) -> Rate:
    (_, base), *above = sorted(steps)
    return Tiered(base, tuple(above)) if above else base


def usage(case: dict[str, Any]) -> Usage:
    counts = {name: Decimal(str(count)) * scale(case) for name, count in case["usage"].items()}
    # The 5-minute writes are what the 1-hour part leaves of the writes.
    counts.pop("cache_write_5m", None)
    whole = {field: int(counts.pop(name, 0)) for name, field in FIELDS.items()}
    if case["input_semantics"] == "exclusive":
        whole["input_tokens"] += whole["cache_read"] + whole["cache_creation"]
    return Usage(**whole, other={unit(name): int(count) for name, count in counts.items()})


def scale(case: dict[str, Any]) -> int:
    """One case counts tenths of tokens; ten times as much must cost ten times as much."""
    return 10 if any(isinstance(count, float) for count in case["usage"].values()) else 1


def read_cases() -> Iterator[Any]:
    if not CASES.exists():
        reason = "shared/data/pricing/cost_cases.jsonl is not beside this checkout"
        yield pytest.param({}, marks=pytest.mark.skip(reason=reason), id="cost_cases.jsonl")
        return
    for line in CASES.read_text().splitlines():
        case = json.loads(line)
        if case["id"] not in EXCLUDED:
            yield pytest.param(case, id=case["id"])


@pytest.mark.parametrize("case", list(read_cases()))
def test_it_gives_the_known_price(case: dict[str, Any]) -> None:
    card, counts = RateCard(rates(case)), usage(case)
    femto, _ = card.charge(
        counts.input_tokens,
        counts.output_tokens,
        counts.cache_read,
        counts.cache_creation,
        counts.cache_creation_1h,
        counts.reasoning,
        counts.other,
        counts.web_searches,
    )
    parts = card.explain(counts)

    if case.get("expected_null"):
        assert femto is None
        assert parts is None
        return
    assert femto is not None
    assert parts is not None
    assert usd(femto) == Decimal(case["expected_usd"]) * scale(case)
    assert sum(part.femto_usd for part in parts) == femto
    for direction in ("input", "output"):
        if f"expected_{direction}_usd" in case:
            of_it = [part.femto_usd for part in parts if f"{direction}_" in part.unit]
            assert usd(sum(of_it)) == Decimal(case[f"expected_{direction}_usd"])
