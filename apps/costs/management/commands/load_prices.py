"""Bring the price book up to the price lists that are at hand."""

from typing import Any

from django.core.management.base import BaseCommand
from django.utils import timezone

from apps.costs.services.price_lists import load_at_hand


class Command(BaseCommand):
    help = (
        "Load the prices of the installed genai-prices package, and of the edition of litellm's price map that comes "
        "with Bursar, into the price book. Running it again adds nothing."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        for source, loaded in load_at_hand(now=timezone.now()).items():
            self.stdout.write(
                f"{source}: {loaded.prices} prices added, {loaded.models} models and {loaded.providers} providers "
                "new or changed."
            )
