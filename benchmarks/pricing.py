"""Calculations per second of the pricing arithmetic on one core, beside genai-prices and litellm in the same run.

Run with `python -m benchmarks.pricing`. Every record is priced by all of them first and must come out equal to the last
digit (litellm: to 12 digits, it calculates in floats). Then each takes its turns in random order; the median counts.
litellm takes part only where it happens to be installed. Exits with 1 when a target is missed.
"""

import gc
import importlib.util
import os
import random
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from datetime import time as clock
from decimal import Decimal
from statistics import median

import genai_prices
from genai_prices import types as genai

from apps.costs.domain.price_schedule import PriceVersion
from apps.costs.domain.pricing import Rate, RateCard, Rates, Tiered, Window, usd
from apps.costs.domain.rate_book import ModelEntry, ProviderEntry, RateBook

ROUNDS = 9
SECONDS = 0.25
RECORDS = 500
MINI = "gpt-4.1-mini"

Record = tuple[int, int, int, int, datetime]
Priced = Callable[[Record], Decimal]


@dataclass(frozen=True)
class Case:
    """One kind of price, told to us and to genai-prices, with the target for ours in calculations per second."""

    name: str
    target: int
    rates: Rates
    model: genai.ModelInfo
    litellm_model: str | None = None


def cases() -> list[Case]:
    plain = genai.ModelPrice(
        input_mtok=Decimal("0.4"), output_mtok=Decimal("1.6"), cache_read_mtok=Decimal("0.1"),
    )  # fmt: skip
    night = _tiered("1", "2")
    day = _tiered("3", "6")
    window = genai.TimeOfDateConstraint(clock(0, 30), clock(16, 30))
    conditional = [genai.ConditionalPrice(prices=night), genai.ConditionalPrice(window, prices=day)]
    return [
        Case("typical: flat, cached, reasoning", 200_000, Rates(_rates(plain)), _model(MINI, plain), MINI),
        Case("tiered", 40_000, Rates(_rates(day)), _model("tiered", day)),
        Case(
            "tiered with a time window",
            40_000,
            Rates(_rates(night), windows=(Window(30, 990, _rates(day)),)),
            _model("tiered-by-day", conditional),
        ),
    ]  # fmt: skip


def _tiered(base: str, above: str) -> genai.ModelPrice:
    def price(share: str) -> genai.TieredPrices:
        tiers = [genai.Tier(200_000, Decimal(above) * Decimal(share))]
        return genai.TieredPrices(Decimal(base) * Decimal(share), tiers)

    return genai.ModelPrice(input_mtok=price("1"), output_mtok=price("5"), cache_read_mtok=price("0.1"))


def _model(name: str, prices: genai.ModelPrice | list[genai.ConditionalPrice]) -> genai.ModelInfo:
    return genai.ModelInfo(id=name, match=genai.ClauseEquals(name), prices=prices)


def _rates(price: genai.ModelPrice) -> dict[str, Rate]:
    names = {
        "input_mtok": "input_tokens",
        "output_mtok": "output_tokens",
        "cache_read_mtok": "cache_read_input_tokens",
    }
    return {names[key]: _rate(value) for key, value in price.__dict__.items()}


def _rate(value: Decimal | genai.TieredPrices) -> Rate:
    if isinstance(value, genai.TieredPrices):
        return Tiered(value.base, tuple((tier.start, tier.price) for tier in value.tiers))
    return value


def records() -> list[Record]:
    """Calls as agents make them: long inputs, half of them cached, short answers, a few of them past a threshold."""
    choose = random.Random(20261122)
    sizes = [(200, 9_000), (9_000, 90_000), (150_000, 400_000)]
    made = []
    for _ in range(RECORDS):
        tokens = choose.randrange(*choose.choice(sizes))
        cached = choose.choice([0, tokens // 2, tokens * 9 // 10])
        output = choose.randrange(20, 2_000)
        at = datetime(2026, 11, 1, choose.randrange(24), choose.randrange(60), tzinfo=UTC)
        made.append((tokens, output, cached, choose.choice([0, output // 2]), at))
    return made


def ours(case: Case) -> tuple[Callable[[Record], object], Priced]:
    """The arithmetic with the rate card at hand."""
    charge = RateCard(case.rates).charge

    def calculate(record: Record) -> int | None:
        tokens, output, cached, reasoning, at = record
        return charge(tokens, output, cached, 0, 0, reasoning, None, 0, 1, "standard", at.hour * 60 + at.minute)[0]

    return calculate, lambda record: usd(calculate(record) or 0)


def ours_with_lookup(case: Case) -> tuple[Callable[[Record], object], Priced]:
    """As ingest does it: the price found by names and time, then the arithmetic."""
    version = PriceVersion(1, None, lambda: case.rates)
    entry = ModelEntry(1, case.model.id, (), None, (version,))
    lookup = RateBook(1, [ProviderEntry("openai", (entry,))]).lookup
    name = case.model.id

    def calculate(record: Record) -> int | None:
        tokens, output, cached, reasoning, at = record
        match = lookup("openai", name, at)
        assert match is not None
        minute = at.hour * 60 + at.minute
        return match.card.charge(tokens, output, cached, 0, 0, reasoning, None, 0, 1, "standard", minute)[0]

    return calculate, lambda record: usd(calculate(record) or 0)


def theirs(case: Case) -> tuple[Callable[[Record], object], Priced]:
    """genai-prices with the model at hand (its `calc_price` finds the model by name on top of that)."""
    provider = genai.Provider(id="bench", name="bench", api_pattern="", models=[case.model])

    def calculate(record: Record) -> Decimal:
        tokens, output, cached, reasoning, at = record
        usage = genai_prices.Usage(
            input_tokens=tokens, output_tokens=output, cache_read_tokens=cached, output_reasoning_tokens=reasoning
        )
        return case.model.calc_price(usage, provider, genai_request_timestamp=at).total_price

    return calculate, calculate


def litellms(case: Case) -> tuple[Callable[[Record], object], Priced] | None:
    """litellm's cost_per_token with its own price of the same model; None where it is not installed or has none."""
    if case.litellm_model is None or importlib.util.find_spec("litellm") is None:
        return None
    os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")
    from litellm import cost_per_token  # type: ignore[import-not-found,unused-ignore]

    def calculate(record: Record) -> float:
        tokens, output, cached, _, _ = record
        prompt, completion = cost_per_token(
            model=case.litellm_model, prompt_tokens=tokens, completion_tokens=output, cache_read_input_tokens=cached
        )
        return float(prompt + completion)

    return calculate, lambda record: Decimal(repr(calculate(record)))


def speed(calculate: Callable[[Record], object], made: list[Record]) -> float:
    """Calculations per second of one turn."""
    count, started = 0, time.perf_counter()
    while (elapsed := time.perf_counter() - started) < SECONDS:
        for record in made:
            calculate(record)
        count += len(made)
    return count / elapsed


def measure(case: Case, made: list[Record]) -> bool:
    """Measure one case, print its table, and tell whether the target was reached."""
    found = {
        "bursar, rates at hand": ours(case),
        "bursar, with lookup": ours_with_lookup(case),
        "genai-prices": theirs(case),
        "litellm": litellms(case),
    }
    contenders = {name: contender for name, contender in found.items() if contender is not None}
    check_equal({name: priced for name, (_, priced) in contenders.items()}, made)
    turns: dict[str, list[float]] = {name: [] for name in contenders}
    order = [name for name in contenders for _ in range(ROUNDS)]
    random.Random(1).shuffle(order)
    for name in order:
        turns[name].append(speed(contenders[name][0], made))
    print(f"\n{case.name}")
    reference = median(turns["genai-prices"])
    for name, speeds in turns.items():
        low, middle, high = min(speeds), median(speeds), max(speeds)
        print(f"  {name:24}{middle:>12,.0f}/s  ({low:,.0f} to {high:,.0f})  {middle / reference:6.1f} x genai-prices")
    reached = min(median(turns["bursar, rates at hand"]), median(turns["bursar, with lookup"])) >= case.target
    print(f"  target {case.target:,}/s: {'reached' if reached else 'MISSED'}")
    return reached


def check_equal(contenders: dict[str, Priced], made: list[Record]) -> None:
    """Raise AssertionError unless all price every record alike."""
    for record in made:
        expected = contenders["bursar, rates at hand"](record)
        for name, priced in contenders.items():
            price = priced(record)
            equal = abs(price - expected) < Decimal("1e-12") if name == "litellm" else price == expected
            assert equal, f"{name} says {price} for {record}, expected {expected}"


def main() -> int:
    """Run all cases on one core."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    made = records()
    gc.freeze()
    print(f"Python {sys.version.split()[0]}, one core, median (min to max) of {ROUNDS} turns of {SECONDS} s each")
    reached = [measure(case, made) for case in cases()]
    return 0 if all(reached) else 1


if __name__ == "__main__":
    sys.exit(main())
