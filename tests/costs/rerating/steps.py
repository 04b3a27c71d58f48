"""Steps that tests of re-rating share: prices on a model, whole runs, and the proof that all sums agree."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from apps.access.domain.identity import ALL_SCOPES, Caller, Role
from apps.costs.models import ConversationTotal, DayFold, LanguageModel, Price, Provider, RerateRun, UsageRecord
from apps.costs.selectors import proof
from apps.costs.services import rerating
from apps.costs.services.rerating import Filter

ADMIN = Caller("person", "bob@example.org", None, 1, ALL_SCOPES, Role.ADMIN, project_ids=None)


def set_price(model: str, usd_in: str | None, usd_out: str | None, start: datetime | None = None, **more: Any) -> Price:
    """Append a price of a model of openai's, which is made where missing."""
    provider, _ = Provider.objects.get_or_create(id="openai", defaults={"name": "OpenAI"})
    row, _ = LanguageModel.objects.get_or_create(provider=provider, name=model)
    return Price.objects.create(
        model=row,
        source="tests",
        effective_from=start,
        fingerprint="",
        input_usd_per_mtok=None if usd_in is None else Decimal(usd_in),
        output_usd_per_mtok=None if usd_out is None else Decimal(usd_out),
        **more,
    )


def work(**options: Any) -> None:
    """The background work, until nothing waits."""
    while rerating.work_on_rerates(**options):
        pass


def previewed(wanted: Filter | None = None) -> RerateRun:
    """A run that waits for approval."""
    run = rerating.ask(caller=ADMIN, wanted=wanted or Filter())
    work()
    run.refresh_from_db()
    return run


def applied(wanted: Filter | None = None) -> RerateRun:
    """A run that was approved and carried out."""
    run = previewed(wanted)
    rerating.approve(caller=ADMIN, run_id=run.pk)
    work()
    run.refresh_from_db()
    return run


def reversed_again(run: RerateRun) -> RerateRun:
    """The run, put back."""
    rerating.ask_to_reverse(caller=ADMIN, run_id=run.pk)
    work()
    run.refresh_from_db()
    return run


def billed() -> list[tuple[Any, ...]]:
    """How every record is billed, to the last digit."""
    columns = ("project_id", "usage_id", "cost_usd", "price_cost_usd", "price_id", "cost_source", "assumed")
    return list(UsageRecord.objects.order_by("project_id", "usage_id").values_list(*columns))


def disagreements(start: datetime, end: datetime) -> Sequence[str]:
    """Every number of a rollup, conversation or fold that does not equal its records; none when all is well."""
    found = proof.differences(start, end)
    found += proof.conversation_differences(
        list(ConversationTotal.objects.values_list("project_id", "conversation_id"))
    )
    found += [one for fold in DayFold.objects.all() for one in proof.fold_differences((fold.bucket, fold.ends_at))]
    return [str(one) for one in found]


def whole_days(moment: datetime, days: int) -> tuple[datetime, datetime]:
    """So many days up to the end of the day of a moment."""
    end = moment.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)
    return end - timedelta(days=days), end
