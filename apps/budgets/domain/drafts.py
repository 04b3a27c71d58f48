"""A budget as somebody typed or sent it, checked field by field."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from decimal import Decimal, InvalidOperation
from typing import Any

from apps.access.domain.errors import Refused
from apps.access.domain.identity import Role
from apps.budgets.domain.cycles import MAX_ROLLING_DAYS, Period, known_zones
from apps.budgets.domain.recipients import read_recipients
from apps.budgets.domain.scopes import EACH, checked_scope
from apps.budgets.domain.states import Unit
from apps.budgets.domain.thresholds import Threshold, checked_thresholds, money

MAX_NAME = 128
MAX_RECIPIENTS = 20
MAX_EXEMPT = 20
MAX_GRACE = Decimal(100)
LIMITS = {f"limit_{unit}": unit for unit in Unit.ALL}
_MOST = Decimal(10) ** 12


@dataclass(frozen=True, slots=True)
class Draft:
    """What a budget is to be."""

    name: str
    scope: dict[str, str]
    each: str
    unit: str
    limit: Decimal
    period: Period
    rolling_days: int
    week_start: int
    fiscal_start: int
    timezone: str
    counts_from: str
    thresholds: tuple[Threshold, ...]
    recipients: tuple[str, ...]
    exempt: tuple[dict[str, str], ...]
    grace_percent: Decimal
    paused: bool

    def counts_otherwise(self, other: "Draft") -> bool:
        """True if the two count other calls, or in other periods or units."""
        return any(
            getattr(self, name) != getattr(other, name)
            for name in (
                "scope", "each", "unit", "period", "rolling_days", "week_start", "fiscal_start", "timezone",
            )
        )  # fmt: skip


FIELDS = tuple(field.name for field in fields(Draft))


def checked_draft(sent: Mapping[str, Any]) -> Draft:
    """A draft of the fields of the API. Raises Refused with the path of what cannot be."""
    name = _text(sent.get("name"), "name", MAX_NAME)
    scope = checked_scope(_mapping(sent.get("scope", {}), "scope"))
    period = _chosen(sent.get("period"), tuple(Period), "period")
    each = _each(sent.get("each") or "", period, scope)
    unit, limit = _limit(sent)
    rolling = sent.get("rolling_days") or 0
    if (period == Period.ROLLING) is not bool(rolling):
        raise Refused("A rolling budget, and no other, has rolling_days.", code="invalid", path="rolling_days")
    zone = sent.get("timezone") or "UTC"
    if zone not in known_zones():
        raise Refused(f"The time zone {str(zone)[:64]!r} is not known.", code="unknown", path="timezone")
    return Draft(
        name=name,
        scope=scope,
        each=each,
        unit=unit,
        limit=limit,
        period=Period(period),
        rolling_days=_whole(rolling, 0, MAX_ROLLING_DAYS, "rolling_days"),
        week_start=_whole(sent.get("week_start") or 0, 0, 6, "week_start"),
        fiscal_start=_whole(sent.get("fiscal_start") or 1, 1, 12, "fiscal_start"),
        timezone=zone,
        counts_from=_chosen(sent.get("counts_from") or "period_start", ("period_start", "now"), "counts_from"),
        thresholds=tuple(checked_thresholds(_sequence(sent.get("thresholds") or (), "thresholds"), unit=unit)),
        recipients=_recipients(_sequence(sent.get("recipients") or (), "recipients")),
        exempt=_exempt(_sequence(sent.get("exempt") or (), "exempt")),
        grace_percent=_grace(sent.get("grace_percent")),
        paused=_flag(sent.get("paused", False), "paused"),
    )


def _each(each: Any, period: str, scope: Mapping[str, str]) -> str:
    if each:
        each = _chosen(each, EACH, "each")
    if period == Period.CONVERSATION and not each and "conversation" not in scope:
        each = "conversation"
    if period == Period.CONVERSATION and each not in ("", "conversation"):
        message = "A budget per conversation has a counter for every conversation."
        raise Refused(message, code="invalid", path="each")
    return str(each)


def _limit(sent: Mapping[str, Any]) -> tuple[str, Decimal]:
    given = [(name, unit) for name, unit in LIMITS.items() if sent.get(name) is not None]
    if len(given) != 1:
        raise Refused(f"A budget has one of {', '.join(LIMITS)}.", code="required", path="limit_usd")
    name, unit = given[0]
    limit = money(sent[name], name) if unit == Unit.USD else _decimal(sent[name], name)
    if not 0 < limit < _MOST or (unit != Unit.USD and limit != int(limit)):
        raise Refused("A limit is over 0 and under 10^12; of tokens and calls it is whole.", code="invalid", path=name)
    return unit, limit


def _grace(sent: Any) -> Decimal:
    grace = _decimal(sent if sent is not None else "0", "grace_percent")
    if not 0 <= grace <= MAX_GRACE or grace != round(grace, 2):
        raise Refused("Grace is 0 to 100 percent, with at most two decimals.", code="invalid", path="grace_percent")
    return grace


def _recipients(sent: Sequence[Any]) -> tuple[str, ...]:
    if len(sent) > MAX_RECIPIENTS:
        raise Refused(f"At most {MAX_RECIPIENTS} recipients.", code="too_many", path="recipients")
    words = [_text(one, "recipients", 254) for one in sent]
    try:
        return tuple(read_recipients(words, roles=[role.value for role in Role]).texts)
    except ValueError as error:
        raise Refused(str(error), code="invalid", path="recipients") from error


def _exempt(sent: Sequence[Any]) -> tuple[dict[str, str], ...]:
    if len(sent) > MAX_EXEMPT:
        raise Refused(f"At most {MAX_EXEMPT} exemptions.", code="too_many", path="exempt")
    found = tuple(checked_scope(_mapping(one, "exempt"), path="exempt") for one in sent)
    if not all(found):
        raise Refused("An exemption names at least one field.", code="invalid", path="exempt")
    return found


def _text(sent: Any, path: str, most: int) -> str:
    if isinstance(sent, str) and 0 < len(sent.strip()) <= most and "\0" not in sent:
        return sent.strip()
    raise Refused(f"Expected a text of 1 to {most} characters.", code="invalid", path=path)


def _mapping(sent: Any, path: str) -> Mapping[str, Any]:
    if isinstance(sent, Mapping):
        return sent
    raise Refused("Expected an object.", code="invalid", path=path)


def _sequence(sent: Any, path: str) -> Sequence[Any]:
    if isinstance(sent, (list, tuple)):
        return sent
    raise Refused("Expected a list.", code="invalid", path=path)


def _chosen(sent: Any, among: Sequence[str], path: str) -> str:
    if isinstance(sent, str) and sent in tuple(among):
        return sent
    raise Refused(f"Expected one of {', '.join(among)}.", code="invalid", path=path)


def _whole(sent: Any, least: int, most: int, path: str) -> int:
    if isinstance(sent, int) and not isinstance(sent, bool) and least <= sent <= most:
        return sent
    raise Refused(f"Expected a whole number from {least} to {most}.", code="invalid", path=path)


def _flag(sent: Any, path: str) -> bool:
    if isinstance(sent, bool):
        return sent
    raise Refused("Expected true or false.", code="invalid", path=path)


def _decimal(sent: Any, path: str) -> Decimal:
    """Percentages, tokens and calls: a text, or a whole number of JSON."""
    try:
        number = Decimal(sent) if isinstance(sent, (str, int, Decimal)) and not isinstance(sent, bool) else None
        exponent = number.as_tuple().exponent if number is not None else None
        if number is not None and isinstance(exponent, int) and exponent >= -15:
            return number
    except InvalidOperation:
        pass
    raise Refused("Expected a decimal text with at most 15 decimals.", code="invalid", path=path)
