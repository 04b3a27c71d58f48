"""Rates in requests and answers: decimal strings, exact, by unit; those of a long context with their thresholds."""

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from apps.access.api.fields import DecimalText
from apps.costs.api import schema
from apps.costs.domain.money_format import format_money
from apps.costs.domain.price_words import FEE_UNITS
from apps.costs.domain.pricing import Rate, Rates, ServiceTier, Tiered, Window
from apps.costs.domain.pricing.plain import plain_rates
from apps.costs.domain.pricing.units import is_token_unit, parse_unit

RATE = r"^[0-9]{1,12}(\.[0-9]{1,9})?$"
CLOCK = r"^([01]\d|2[0-3]):[0-5]\d$"
_RATE = re.compile(RATE.rstrip("$") + r"\Z")
MOST_UNITS, MOST_THRESHOLDS, MOST_WINDOWS = 64, 10, 24
_RATE_SCHEMA = {"type": "string", "pattern": RATE}
_TIERED_SCHEMA = schema.record(
    base=schema.nullable(_RATE_SCHEMA),
    above={"type": "array", "items": {"type": "array", "minItems": 2, "maxItems": 2, "items": {}}},
)
RATES_SCHEMA = {
    "type": "object",
    "description": "USD by unit: per million of token units, per thousand of web_searches and requests.",
    "additionalProperties": {"anyOf": [_RATE_SCHEMA, _TIERED_SCHEMA, {"type": "null"}]},
}
PRICE_RATES_SCHEMA: dict[str, dict[str, Any]] = {
    "rates": RATES_SCHEMA,
    "service_tiers": {
        "type": "object",
        "additionalProperties": schema.record(multiplier=schema.TEXT, rates=RATES_SCHEMA),
    },
    "windows": schema.listed(schema.record(start=schema.TEXT, end=schema.TEXT, rates=RATES_SCHEMA)),
}


@extend_schema_field(RATES_SCHEMA)
class RatesField(serializers.Field[dict[str, Rate | None], Any, Any, Any]):
    """Rates by unit. null says that the unit has no rate of its own there: it is billed at its parent's."""

    default_error_messages = {
        "object": "Rates are an object: the unit, and USD as a decimal string.",
        "many": f"At most {MOST_UNITS} units.",
        "unit": "No unit is called {unit!r}: they are named like input_tokens or cache_read_input_tokens.",
        "rate": 'The rate of {unit} must be a decimal string of at most nine decimals, or {{"base", "above"}}.',
        "above": f"`above` of {{unit}} must be 1 to {MOST_THRESHOLDS} pairs of a threshold and a rate, ascending.",
    }

    def to_internal_value(self, data: Any) -> dict[str, Rate | None]:
        if not isinstance(data, Mapping):
            self.fail("object")
        if len(data) > MOST_UNITS:
            self.fail("many")
        return {self._unit(unit): self._rate(unit, rate) for unit, rate in data.items()}

    def _unit(self, unit: Any) -> str:
        name = str(unit)[:64]
        try:
            if not is_token_unit(name) and name not in FEE_UNITS:
                raise ValueError(name)
            if is_token_unit(name):
                parse_unit(name)
        except ValueError:
            self.fail("unit", unit=name)
        return name

    def _rate(self, unit: str, rate: Any) -> Rate | None:
        if isinstance(rate, Mapping):
            if set(rate) != {"base", "above"}:
                self.fail("rate", unit=unit)
            return Tiered(self._flat(unit, rate["base"]), self._above(unit, rate["above"]))
        return self._flat(unit, rate)

    def _flat(self, unit: str, rate: Any) -> Decimal | None:
        if rate is None:
            return None
        if not isinstance(rate, str) or not _RATE.match(rate):
            self.fail("rate", unit=unit)
        return Decimal(rate)

    def _above(self, unit: str, pairs: Any) -> tuple[tuple[int, Decimal], ...]:
        if not isinstance(pairs, list) or not 0 < len(pairs) <= MOST_THRESHOLDS:
            self.fail("above", unit=unit)
        found: list[tuple[int, Decimal]] = []
        for pair in pairs:
            if not isinstance(pair, list) or len(pair) != 2 or type(pair[0]) is not int or not 0 < pair[0] < 10**9:
                self.fail("above", unit=unit)
            rate = self._flat(unit, pair[1])
            if rate is None or (found and pair[0] <= found[-1][0]):
                self.fail("above", unit=unit)
            found.append((pair[0], rate))
        return tuple(found)

    def to_representation(self, value: Any) -> Any:
        return value


class ServiceTierIn(serializers.Serializer[Any]):
    """What batch, flex or priority pays: a factor on all token rates, or rates of its own."""

    multiplier = DecimalText(r"^\d{1,3}(\.\d{1,6})?$", default="1")
    rates = RatesField(default=dict)


class WindowIn(serializers.Serializer[Any]):
    """Rates of some time of every UTC day; an end before the start wraps past midnight."""

    start = serializers.RegexField(CLOCK)
    end = serializers.RegexField(CLOCK)
    rates = RatesField()


class RatesIn(serializers.Serializer[Any]):
    """One price: its rates, what service tiers pay, and rates of times of the day."""

    rates = RatesField()
    service_tiers = serializers.DictField(child=ServiceTierIn(), default=dict)
    windows = serializers.ListField(child=WindowIn(), default=list, max_length=MOST_WINDOWS)

    def validate_service_tiers(self, tiers: dict[str, Any]) -> dict[str, Any]:
        if odd := sorted(tiers.keys() - {"batch", "flex", "priority"}):
            raise serializers.ValidationError(f"Service tiers are batch, flex and priority, not {odd[0][:64]!r}.")
        return tiers


def rates_of(typed: Mapping[str, Any]) -> Rates:
    """The rates of a checked `RatesIn`."""
    return Rates(
        typed["rates"],
        {name: ServiceTier(one["rates"], Decimal(one["multiplier"])) for name, one in typed["service_tiers"].items()},
        tuple(Window(_minute(one["start"]), _minute(one["end"]), one["rates"]) for one in typed["windows"]),
    )


def told_rates(rates: Rates) -> dict[str, Any]:
    """Rates as an answer has them, and as a request may send them again."""
    plain = plain_rates(rates)
    return {
        "rates": _told(plain["base"]),
        "service_tiers": {
            name: {**tier, "rates": _told(tier["rates"])} for name, tier in plain["service_tiers"].items()
        },
        "windows": [{**window, "rates": _told(window["rates"])} for window in plain["windows"]],
    }


def _told(rates: Mapping[str, Any]) -> dict[str, Any]:
    """Rates as the API writes money."""
    return {unit: _told_rate(rate) for unit, rate in rates.items()}


def _told_rate(rate: Any) -> Any:
    if not isinstance(rate, dict):
        return rate and format_money(Decimal(rate))
    above = [[threshold, _told_rate(one)] for threshold, one in rate["above"]]
    return {"base": _told_rate(rate["base"]), "above": above}


def _minute(clock: str) -> int:
    return int(clock[:2]) * 60 + int(clock[3:])
