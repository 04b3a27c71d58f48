"""The form of an own price: rates per million tokens, tiers, and from when until when."""

from decimal import Decimal
from typing import Any

from django import forms

from apps.costs.domain.price_words import FEE_UNITS, MAIN_UNITS, MEDIA_UNITS
from apps.costs.domain.pricing import Rate, Rates, ServiceTier, Tiered
from apps.costs.domain.pricing.plain import RATE_DECIMALS, rate_text
from apps.costs.domain.pricing.units import CACHE_READ, INPUT, OUTPUT
from apps.costs.domain.typed_numbers import plain_number
from apps.costs.forms.term import TermForm

TIERED_UNITS = {INPUT: "Input above it", OUTPUT: "Output above it", CACHE_READ: "Cached input above it"}
SERVICE_TIERS = {"batch": "Batch", "flex": "Flex", "priority": "Priority"}
_FACTOR_STEP = Decimal("0.000001")


class RateField(forms.DecimalField):
    """USD per million tokens, or per thousand of anything else; empty is "no rate of its own"."""

    def __init__(self, label: str, **kwargs: Any) -> None:
        super().__init__(
            label=label,
            required=False,
            min_value=0,
            max_digits=21,
            decimal_places=RATE_DECIMALS,
            widget=forms.TextInput(attrs={"inputmode": "decimal", "autocomplete": "off", "data-rate": ""}),
            **kwargs,
        )

    def to_python(self, value: Any) -> Any:
        """What people paste: a dollar sign in front, commas between thousands."""
        return super().to_python(plain_number(value) if isinstance(value, str) else value)


class OwnPriceForm(TermForm):
    """What is typed becomes Rates and two instants; days are those of the reporting zone."""

    long_context = forms.IntegerField(
        label="Long context begins above", required=False, min_value=1, max_value=100_000_000,
        help_text="Input tokens of one call, cached ones included. Above it the whole call pays the rates below.",
    )  # fmt: skip

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for unit, label in (MAIN_UNITS | MEDIA_UNITS | FEE_UNITS).items():
            self.fields[unit] = RateField(label)
        for unit, label in TIERED_UNITS.items():
            self.fields[f"above_{unit}"] = RateField(label)
        for name, label in SERVICE_TIERS.items():
            self.fields[f"tier_{name}"] = forms.DecimalField(
                label=label, required=False, min_value=0, max_value=100, max_digits=9, decimal_places=6,
                widget=forms.TextInput(attrs={"inputmode": "decimal", "autocomplete": "off"}),
            )  # fmt: skip

    def groups(self) -> dict[str, list[forms.BoundField]]:
        """The fields by the groups of the page."""
        return {
            "main": [self[unit] for unit in MAIN_UNITS],
            "media": [self[unit] for unit in MEDIA_UNITS],
            "fees": [self[unit] for unit in FEE_UNITS],
            "long": [self["long_context"], *(self[f"above_{unit}"] for unit in TIERED_UNITS)],
            "tiers": [self[f"tier_{name}"] for name in SERVICE_TIERS],
        }

    def clean(self) -> dict[str, Any]:
        typed = super().clean() or {}
        if not typed.get("long_context") and any(typed.get(f"above_{unit}") is not None for unit in TIERED_UNITS):
            self.add_error("long_context", "Say above how many input tokens these rates hold.")
        return typed

    def rates(self) -> Rates:
        """The rates that were typed."""
        typed = self.cleaned_data
        base: dict[str, Rate] = {
            unit: typed[unit] for unit in (MAIN_UNITS | MEDIA_UNITS | FEE_UNITS) if typed[unit] is not None
        }
        if threshold := typed["long_context"]:
            for unit in TIERED_UNITS:
                if (above := typed[f"above_{unit}"]) is not None:
                    base[unit] = Tiered(typed[unit], ((threshold, above),))
        tiers = {name: ServiceTier(multiplier=typed[f"tier_{name}"]) for name in SERVICE_TIERS if typed[f"tier_{name}"]}
        return Rates(base, tiers)


def typed_rates(rates: Rates) -> dict[str, str]:
    """Rates as the form shows them. What it has no field for (windows, tiers with rates of their own) is left out."""
    shown: dict[str, str] = {}
    for unit in MAIN_UNITS | MEDIA_UNITS | FEE_UNITS:
        rate = rates.base.get(unit)
        base = rate.base if isinstance(rate, Tiered) else rate
        if base is not None:
            shown[unit] = rate_text(base)
        if isinstance(rate, Tiered) and unit in TIERED_UNITS and len(rate.above) == 1:
            shown["long_context"] = str(rate.above[0][0])
            shown[f"above_{unit}"] = rate_text(rate.above[0][1])
    for name, tier in rates.service_tiers.items():
        if name in SERVICE_TIERS and (factor := _factor(rates, tier)) is not None:
            shown[f"tier_{name}"] = rate_text(factor)
    return shown


def _factor(rates: Rates, tier: ServiceTier) -> Decimal | None:
    """What a service tier pays of the standard input and output rates; None when it is not one share of both."""
    shares = set()
    for unit in (INPUT, OUTPUT):
        standard, own = rates.base.get(unit), tier.rates.get(unit, rates.base.get(unit))
        if not isinstance(standard, Decimal) or not isinstance(own, Decimal) or not standard:
            return tier.multiplier if not tier.rates else None
        shares.add((own / standard * tier.multiplier).normalize())
    share = shares.pop()
    return share if not shares and share == share.quantize(_FACTOR_STEP) else None


class NewModelForm(OwnPriceForm):
    """The same for a model no list has."""

    provider = forms.CharField(max_length=128, help_text="Who bills for it, as your agents send it.")
    name = forms.CharField(
        label="Model", max_length=256, help_text="The name as your agents send it; case does not matter."
    )
