"""Bring the price book up to the installed price list."""

from typing import Any

from django.core.management.base import BaseCommand
from django.utils import timezone

from apps.costs.services.price_book import load_genai_prices


class Command(BaseCommand):
    help = "Load the prices of the installed genai-prices package into the price book. Running it again adds nothing."

    def handle(self, *args: Any, **options: Any) -> None:
        loaded = load_genai_prices(now=timezone.now())
        self.stdout.write(
            f"Price book: {loaded.prices} prices added, {loaded.models} models and {loaded.providers} providers "
            "new or changed."
        )
