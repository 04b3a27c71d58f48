"""The price list of the installed genai-prices package (Pydantic, MIT), read as plain data."""

import importlib.metadata
from collections.abc import Sequence
from datetime import UTC, date, datetime, time
from decimal import Decimal

from genai_prices import types as genai

from apps.costs.domain.matching import Rule
from apps.costs.domain.pricing import Rate, Rates, ServiceTier, Tiered, Window
from apps.costs.domain.pricing.units import INPUT, OUTPUT
from apps.costs.services.price_book.listing import ListedModel, ListedPrice, ListedProvider, PriceList

SOURCE = "genai-prices"

_UNITS = {
    "input_mtok": "input_tokens",
    "output_mtok": "output_tokens",
    "cache_read_mtok": "cache_read_input_tokens",
    "cache_write_mtok": "cache_creation_input_tokens",
    "cache_write_1h_mtok": "cache_creation_1h_input_tokens",
    "output_reasoning_mtok": "reasoning_output_tokens",
    "output_citation_mtok": "output_citation_tokens",
    **{
        f"{direction}_{part}_mtok": f"{direction}_{part}_tokens"
        for direction in ("input", "output")
        for part in ("text", "audio", "image", "video")
    },
    **{f"cache_{part}_read_mtok": f"cache_read_input_{part}_tokens" for part in ("text", "audio", "image", "video")},
    **{
        f"cache_{part}_write_mtok": f"cache_creation_input_{part}_tokens"
        for part in ("text", "audio", "image", "video")
    },
    "web_searches_kcount": "web_searches",
    "requests_kcount": "requests",
    "storage_searches_kcount": "storage_searches",
    "social_searches_kcount": "social_searches",
    "code_executions_kcount": "code_executions",
    "rerank_searches_kcount": "rerank_searches",
}
# What a request says about itself in the list's words, as our service tier. Other conditions (a region's route, a kind
# of search, a speed) are not told by usage records and are left out.
_SERVICE_TIERS = {
    ("processing", "batch"): "batch",
    ("service_tier", "flex"): "flex",
    ("service_tier", "priority"): "priority",
}
_CLAUSES = {
    genai.ClauseEquals: "equals",
    genai.ClauseStartsWith: "starts_with",
    genai.ClauseEndsWith: "ends_with",
    genai.ClauseContains: "contains",
    genai.ClauseRegex: "regex",
}
Conditions = Sequence[genai.ConditionalPrice]
Constraint = genai.StartDateConstraint | genai.TimeOfDateConstraint | None


def read_list() -> PriceList:
    """The list of the installed package."""
    from genai_prices.data import providers

    return list_of(providers, version=importlib.metadata.version(SOURCE))


def list_of(providers: Sequence[genai.Provider], *, version: str) -> PriceList:
    """An edition of the list.

    It carries no date of its own; `date` is that of its newest dated price, so the list is at least as new.
    """
    dates = [start for provider in providers for model in provider.models for start in _starts(model) if start]
    return PriceList(SOURCE, version, max(dates, default=None), [_provider(provider) for provider in providers])


def _provider(provider: genai.Provider) -> ListedProvider:
    models = [_model(model) for model in provider.models]
    return ListedProvider(provider.id, provider.name, provider.fallback_model_providers or (), models)


def _model(model: genai.ModelInfo) -> ListedModel:
    return ListedModel(
        name=model.id,
        title=model.name or "",
        context_window=model.context_window,
        is_deprecated=bool(model.deprecated),
        rule=_rule(model.match),
        prices=[_price(model, start) for start in _starts(model)],
    )


def _rule(clause: genai.MatchLogic) -> Rule:
    if isinstance(clause, genai.ClauseOr):
        return {"or": [_rule(part) for part in clause.or_]}
    if isinstance(clause, genai.ClauseAnd):
        return {"and": [_rule(part) for part in clause.and_]}
    kind = _CLAUSES[type(clause)]
    return {kind: getattr(clause, kind)}


def _starts(model: genai.ModelInfo) -> list[date | None]:
    """The dates on which anything about the model's price changes; None is the beginning of time."""
    constraints = [entry.constraint for entry in (*_conditions(model), *(model.price_variants or ()))]
    return [None, *sorted({each.start_date for each in constraints if isinstance(each, genai.StartDateConstraint)})]


def _conditions(model: genai.ModelInfo) -> Conditions:
    return model.prices if isinstance(model.prices, list) else [genai.ConditionalPrice(prices=model.prices)]


def _price(model: genai.ModelInfo, start: date | None) -> ListedPrice:
    """The price from that date on: the last condition that holds wins, those of a time of day only in their window."""
    base = _conditions(model)[0].prices
    windows: list[genai.ConditionalPrice] = []
    for condition in reversed(_conditions(model)):
        if isinstance(condition.constraint, genai.TimeOfDateConstraint):
            windows.insert(0, condition)
        elif _has_started(condition.constraint, start):
            base = condition.prices
            break
    standard, unbilled = _rates(base, model)
    rates = Rates(standard, _service_tiers(model, start), tuple(_window(entry, standard) for entry in windows))
    effective_from = None if start is None else datetime.combine(start, time(), UTC)
    return ListedPrice(effective_from, rates, unbilled)


def _has_started(constraint: Constraint, start: date | None) -> bool:
    if not isinstance(constraint, genai.StartDateConstraint):
        return True
    return start is not None and constraint.start_date <= start


def _service_tiers(model: genai.ModelInfo, start: date | None) -> dict[str, ServiceTier]:
    tiers: dict[str, dict[str, Rate]] = {}
    for variant in model.price_variants or ():
        names = [_SERVICE_TIERS.get(condition) for condition in variant.when.items()]
        if len(names) == 1 and names[0] and _has_started(variant.constraint, start):
            rates = tiers.setdefault(names[0], {})
            # The first variant that has a rate for a unit wins.
            rates |= {unit: rate for unit, rate in _rates(variant.prices)[0].items() if unit not in rates}
    return {name: ServiceTier(dict(rates)) for name, rates in tiers.items() if rates}


def _window(condition: genai.ConditionalPrice, standard: dict[str, Rate]) -> Window:
    assert isinstance(condition.constraint, genai.TimeOfDateConstraint)
    rates, _ = _rates(condition.prices)
    # The list replaces a whole price: a rate the window does not have is gone in the window.
    gone = dict.fromkeys(standard.keys() - rates.keys())
    return Window(_minute(condition.constraint.start_time), _minute(condition.constraint.end_time), {**rates, **gone})


def _minute(clock: time) -> int:
    utc = datetime.combine(date(2000, 1, 1), clock if clock.tzinfo else clock.replace(tzinfo=UTC)).astimezone(UTC)
    if utc.second or utc.microsecond:
        raise ValueError(f"a window of the list starts or ends within a minute: {clock}")
    return utc.hour * 60 + utc.minute


def _rates(price: genai.ModelPrice, model: genai.ModelInfo | None = None) -> tuple[dict[str, Rate], dict[str, str]]:
    """The rates by our units, and those of units that usage does not carry, as text."""
    found = [(key, value) for key, value in price.__dict__.items() if value is not None]
    rates = {_UNITS[key]: _rate(value) for key, value in found if key in _UNITS}
    if not found and model is not None and _is_free(model):
        rates = {INPUT: Decimal(0), OUTPUT: Decimal(0)}
    return rates, {key: str(value) for key, value in found if key not in _UNITS}


def _is_free(model: genai.ModelInfo) -> bool:
    """The list leaves prices of 0 out. Only a name that says so makes a missing price a price of 0."""
    return model.id.endswith(":free") or (model.name or "").endswith("(free)")


def _rate(value: Decimal | genai.TieredPrices) -> Rate:
    if isinstance(value, genai.TieredPrices):
        return Tiered(value.base, tuple((tier.start, tier.price) for tier in value.tiers))
    return value
