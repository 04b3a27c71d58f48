"""What happens at which share of a budget: notify, advise, take cheaper models, block. Amounts are in its unit."""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_FLOOR, Decimal, InvalidOperation
from enum import StrEnum
from typing import Any

from apps.access.domain.errors import Refused
from apps.costs.domain import formats
from apps.costs.domain.money_format import format_money

HYSTERESIS_PERCENT = Decimal(2)
"""An action that is on ends when spending falls this far, in percent of its level, below the level it began at."""
MAX_THRESHOLDS = 12
MAX_PERCENT = Decimal(1000)
MAX_TIER = 128
_MONEY = re.compile(r"[0-9]{1,12}(\.[0-9]{1,15})?")
_SMALLEST = Decimal(1).scaleb(-15)


class Action(StrEnum):
    """From the mildest to the strictest."""

    NOTIFY = "notify"
    ADVISE = "advise"
    CHEAPEST = "cheapest"
    DOWNGRADE = "downgrade"
    BLOCK = "block"


RANK = {action: rank for rank, action in enumerate(Action)}


@dataclass(frozen=True, slots=True)
class Threshold:
    """One level of a budget: a percentage of its limit, or an amount; of what is spent, or of the forecast."""

    action: Action
    percent: Decimal | None = None
    amount: Decimal | None = None
    on: str = "actual"
    tier: str = ""

    @property
    def key(self) -> str:
        """Its name within the budget."""
        level = f"{_plain(self.percent)}%" if self.percent is not None else _plain(self.amount or Decimal(0))
        return f"{self.on}:{level}:{self.action.value}"

    def level(self, limit: Decimal, raised: Decimal = Decimal(0)) -> Decimal:
        """The amount it begins at. `limit` includes what it was raised by, which lifts fixed amounts too."""
        if self.percent is not None:
            return limit * self.percent / 100
        return (self.amount or Decimal(0)) + raised

    def told(self) -> dict[str, str]:
        """As the API writes it."""
        level = (
            {"percent": _plain(self.percent)}
            if self.percent is not None
            else {"usd": format_money(self.amount or Decimal(0))}
        )
        return {**level, "on": self.on, "action": self.action.value, **({"tier": self.tier} if self.tier else {})}


def ceiling(
    thresholds: Sequence[Threshold], limit: Decimal, *, raised: Decimal = Decimal(0), grace_percent: Decimal
) -> Decimal | None:
    """What may not be exceeded: the lowest blocking level and the grace on it. None when nothing blocks."""
    levels = [one.level(limit, raised) for one in thresholds if one.action is Action.BLOCK]
    if not levels:
        return None
    return (min(levels) * (100 + grace_percent) / 100).quantize(_SMALLEST, ROUND_FLOOR)


def in_force(
    thresholds: Sequence[Threshold],
    *,
    limit: Decimal,
    raised: Decimal,
    used: Decimal,
    forecast: Decimal | None,
    before: Collection[str] = (),
) -> tuple[str, ...]:
    """The keys of those that hold now; `before` are those that held, which end only somewhat below their level."""
    held = []
    for one in thresholds:
        level = one.level(limit, raised)
        value = used if one.on == "actual" else forecast
        end = level * (100 - HYSTERESIS_PERCENT) / 100 if one.key in before else level
        if value is not None and value > 0 and value >= end:
            held.append(one.key)
    return tuple(held)


def strictest(thresholds: Sequence[Threshold], keys: Collection[str]) -> Threshold | None:
    """The strictest of those that hold; of several that downgrade, the one that begins last. None when none does."""
    held = [one for one in thresholds if one.key in keys]
    return max(held, key=lambda one: (RANK[one.action], one.percent or 0, one.amount or 0), default=None)


def order(one: Threshold) -> tuple[bool, Decimal, int]:
    """Percentages before amounts, lower levels first, milder actions first."""
    return one.percent is None, one.percent or one.amount or Decimal(0), RANK[one.action]


def checked_thresholds(sent: Sequence[Any], *, unit: str) -> list[Threshold]:
    """The thresholds of a budget, lowest first. Raises Refused with the path of the one that cannot be."""
    if len(sent) > MAX_THRESHOLDS:
        raise Refused(f"A budget has at most {MAX_THRESHOLDS} thresholds.", code="too_many", path="thresholds")
    found = [_checked(one, f"thresholds.{place}", unit) for place, one in enumerate(sent)]
    if len({one.key for one in found}) < len(found):
        raise Refused("Two thresholds do the same at the same level.", code="repeated", path="thresholds")
    return sorted(found, key=order)


def _checked(sent: Any, path: str, unit: str) -> Threshold:
    if not isinstance(sent, Mapping):
        raise Refused("A threshold is an object.", code="invalid", path=path)
    if sent.get("action") not in set(Action):
        raise Refused(f"The action is one of {', '.join(Action)}.", code="invalid", path=f"{path}.action")
    action, on, tier = Action(sent["action"]), sent.get("on", "actual"), sent.get("tier") or ""
    if on not in ("actual", "forecast"):
        raise Refused('"on" is actual or forecast.', code="invalid", path=f"{path}.on")
    if on == "forecast" and action is Action.BLOCK:
        message = "A forecast may be wrong, so it never blocks: block on what is spent."
        raise Refused(message, code="forecast_never_blocks", path=f"{path}.on")
    if (action is Action.DOWNGRADE) is not bool(tier) or not isinstance(tier, str) or len(tier) > MAX_TIER:
        message = "A downgrade names the tier it goes to, and nothing else does."
        raise Refused(message, code="invalid", path=f"{path}.tier")
    percent = _number(sent.get("percent"), f"{path}.percent")
    amount = None if sent.get("usd") is None else money(sent["usd"], f"{path}.usd")
    if (percent is None) is (amount is None):
        raise Refused("A threshold has either a percent or an amount.", code="invalid", path=path)
    if percent is not None and percent > MAX_PERCENT:
        raise Refused(f"At most {MAX_PERCENT} percent.", code="invalid", path=f"{path}.percent")
    if amount is not None and not amount:
        raise Refused("An amount is over 0.", code="invalid", path=f"{path}.usd")
    if amount is not None and unit != "usd":
        message = f"A budget of {unit} has thresholds in percent."
        raise Refused(message, code="invalid", path=f"{path}.usd")
    return Threshold(action, percent, amount, on, tier)


def money(sent: Any, path: str) -> Decimal:
    """USD as the API takes it: a decimal text. Raises Refused for anything else, as a JSON number."""
    if isinstance(sent, str) and _MONEY.fullmatch(sent):
        return Decimal(sent)
    if isinstance(sent, int | float) and not isinstance(sent, bool):
        message = 'Money is a decimal string, for example "0.50", not a JSON number.'
        raise Refused(message, code="money_as_number", path=path)
    message = "Expected digits, at most 12 before the point and 15 after it, as a string."
    raise Refused(message, code="money", path=path)


def _number(sent: Any, path: str) -> Decimal | None:
    if sent is None:
        return None
    try:
        # Percentages come as JSON numbers too, which are short enough to be exact as they are written.
        number = Decimal(str(sent)) if not isinstance(sent, bool) else Decimal("NaN")
        exponent = number.as_tuple().exponent
        if number.is_finite() and 0 < number < 10**12 and isinstance(exponent, int) and exponent >= -15:
            return number
    except InvalidOperation:
        pass
    raise Refused("Expected a number over 0 with at most 15 decimals.", code="invalid", path=path)


def kept(thresholds: Sequence[Mapping[str, str]]) -> list[Threshold]:
    """Thresholds as they are stored."""
    return [
        Threshold(
            Action(one["action"]),
            Decimal(one["percent"]) if "percent" in one else None,
            Decimal(one["usd"]) if "usd" in one else None,
            one["on"],
            one.get("tier", ""),
        )
        for one in thresholds
    ]


def _plain(number: Decimal) -> str:
    text = format(number, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def level_of_key(key: str) -> tuple[bool, Decimal]:
    """Orders keys by their level, percentages after amounts, for those of one budget; what is no key comes first."""
    level = key.split(":")[-2] if key.count(":") >= 2 else ""
    try:
        return level.endswith("%"), Decimal(level.removesuffix("%"))
    except InvalidOperation:
        return False, Decimal(0)


def level_words(key: str) -> str:
    """The level of a key for people: "80 %", "$50.00", "100 % by forecast". Empty for what is no key."""
    is_percent, level = level_of_key(key)
    if not level:
        return ""
    forecast = " by forecast" if key.split(":")[-3].endswith("forecast") else ""
    return (f"{level.normalize():f} %" if is_percent else formats.money(level)) + forecast
