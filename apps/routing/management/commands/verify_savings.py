"""Proves that kept savings are what the records, the price book and the declared baselines say, day by day."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from apps.costs.domain.formats import some
from apps.routing.models import SavingsDay
from apps.routing.services.savings.proving import differences_of, provable_days
from apps.routing.services.savings.sweeping import derive_due_days

SHOWN = 20


class Command(BaseCommand):
    """Derive every closed compared day again, name what differs, and end with 1 when anything does."""

    help = __doc__

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--days", type=int, help="only so many of the newest")
        parser.add_argument("--repair", action="store_true", help="derive the days that differ again")

    def handle(self, *args: Any, **options: Any) -> None:
        now = timezone.now()
        days, wrong, found = provable_days(now=now)[: options["days"]], [], 0
        for day in days:
            differences = differences_of(day)
            for one in differences[:SHOWN]:
                self.stdout.write(str(one))
            if differences:
                wrong.append(day.bucket)
                found += len(differences)
        if wrong and options["repair"]:
            SavingsDay.objects.filter(bucket__in=wrong).delete()
            derive_due_days(now=now, seconds=600)
        if found:
            done = ", derived again" if options["repair"] else ""
            raise CommandError(f"{some(found, 'difference')} on {len(wrong)} of {len(days)} days{done}.", returncode=1)
        self.stdout.write(f"Savings equal the records on {len(days)} days: 0 differences.")
