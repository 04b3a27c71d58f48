"""Names that calls wait under without a price: how much waits, and why there is none."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection

from apps.costs.domain.explaining import NearMiss, explain
from apps.costs.domain.rate_book import Match, RateBook
from apps.costs.models import LanguageModel
from apps.costs.selectors.proof.exact import PROVABLE_FROM
from apps.costs.selectors.rate_book import current_rate_book
from apps.costs.selectors.rerating import SERVICE_TIERS

HAS_PRICE = "has_price"


@dataclass(frozen=True, slots=True)
class Waiting:
    """One name of one provider with calls whose cost is unknown, and of which the records are there."""

    provider: str
    name: str
    records: int
    calls: int
    input_tokens: int
    output_tokens: int
    first_at: datetime
    last_at: datetime
    projects: tuple[str, ...]
    service_tiers: tuple[str, ...]

    @property
    def tokens(self) -> int:
        """All tokens that wait for a price."""
        return self.input_tokens + self.output_tokens


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a name has no price: a code for programs, a sentence, and listed models with a near name.

    The code `has_price` says that there is one by now: the calls only have to be re-rated. The near ones are other
    models; nothing ever takes their price by itself.
    """

    code: str
    sentence: str
    near: tuple[NearMiss, ...] = ()

    @property
    def has_price(self) -> bool:
        """Whether re-rating would price at least a part of what waits."""
        return self.code == HAS_PRICE


def waiting_names(project_ids: frozenset[int] | None) -> list[Waiting]:
    """Every name with unpriced calls in these projects (None: all but demo data), most calls first."""
    only = "" if project_ids is None else " AND r.project_id = ANY(%(projects)s)"
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            SELECT m.provider, m.name, count(*), sum(r.calls), sum(r.input_tokens), sum(r.output_tokens),
                min(r.occurred_at), max(r.occurred_at), array_agg(DISTINCT p.name), array_agg(DISTINCT r.service_tier)
            FROM costs_usagerecord r JOIN costs_cell c ON c.id = r.cell_id
                JOIN costs_usedmodel m ON m.id = c.model_id JOIN access_project p ON p.id = r.project_id
            WHERE r.cost_source = 0 AND NOT p.is_demo AND r.occurred_at >= {PROVABLE_FROM}{only}
            GROUP BY m.id ORDER BY 4 DESC, 1, 2
            """,
            {"projects": sorted(project_ids or ())},
        )
        rows = cursor.fetchall()
    return [_waiting(*row) for row in rows]


def _waiting(
    provider: str, name: str, records: int, calls: Any, inputs: Any, outputs: Any, first: datetime, last: datetime,
    projects: list[str], tiers: list[int],
) -> Waiting:  # fmt: skip
    spoken = tuple(SERVICE_TIERS[tier] for tier in tiers)
    return Waiting(provider, name, records, int(calls), int(inputs), int(outputs), first, last, tuple(projects), spoken)


def lost_calls(project_ids: frozenset[int] | None) -> int:
    """Unpriced calls of which retention dropped the records: their cost stays unknown for ever."""
    only = "" if project_ids is None else " AND c.project_id = ANY(%(projects)s)"
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT coalesce(sum(q.unpriced_calls), 0) FROM costs_usagequarter q JOIN costs_cell c ON c.id = q.cell_id"
            " JOIN access_project p ON p.id = c.project_id"
            f" WHERE NOT p.is_demo AND q.bucket < {PROVABLE_FROM}{only}",
            {"projects": sorted(project_ids or ())},
        )
        return int(cursor.fetchone()[0])


def reasons(rows: Sequence[Waiting]) -> list[Reason]:
    """Why each of these has no price, by the price book of now."""
    book = current_rate_book()
    return [_reason(book, one) for one in rows]


def _reason(book: RateBook, one: Waiting) -> Reason:
    last, first = (explain(book, one.provider, one.name, moment) for moment in (one.last_at, one.first_at))
    match = last.match or first.match
    if match is None:
        return Reason(last.reason or "", last.sentence, last.near_misses)
    if _lacking_tiers(match, one) == list(one.service_tiers):
        return Reason("rate_missing", _lacking_words(match, one))
    part = "" if last.match and first.match else " It holds for a part of these calls only."
    return Reason(HAS_PRICE, f"It has a price by now, as {match.provider}/{match.model}.{part}")


def _lacking_tiers(match: Match, one: Waiting) -> list[str]:
    """The service tiers of the calls in which the price leaves them unpriced."""
    inputs, outputs = min(one.input_tokens, 1), min(one.output_tokens, 1)
    return [tier for tier in one.service_tiers if match.card.charge(inputs, outputs, service_tier=tier)[0] is None]


def _lacking_words(match: Match, one: Waiting) -> str:
    sides = [side for side, tokens in (("input", one.input_tokens), ("output", one.output_tokens)) if tokens]
    what = f"{' or '.join(sides)} tokens" if sides else "a call"
    tiers = [tier for tier in one.service_tiers if tier != "standard"]
    where = f" in the service tier {' or '.join(tiers)}" if len(tiers) == len(one.service_tiers) else ""
    return f"The price of {match.provider}/{match.model} has no rate for {what}{where}."


def reachable_models(provider: str, name: str) -> list[LanguageModel]:
    """The models a name of this provider may be said to mean: its own, and those of the makers it resells."""
    book = current_rate_book()
    seller, _ = book.passed_on(provider, name.strip().lower())
    ids = [id for id, _ in book.sellers(seller)]
    found = LanguageModel.objects.filter(provider_id__in=ids).order_by("name", "provider_id")
    return sorted(found, key=lambda model: ids.index(model.provider_id))


def own_names() -> list[tuple[LanguageModel, str]]:
    """Every name a person said means a model, in order."""
    models = LanguageModel.objects.exclude(own_aliases=[]).order_by("provider_id", "name")
    return [(model, alias) for model in models for alias in model.own_aliases]
