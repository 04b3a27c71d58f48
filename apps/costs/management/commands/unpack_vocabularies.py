"""Unpack the token vocabularies at set-up."""

import os
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from apps.costs.domain.tokens import VocabularyError, ensure_vocabularies


class Command(BaseCommand):
    help = "Unpack the token vocabularies to TIKTOKEN_CACHE_DIR (var/tiktoken) and verify them."
    requires_system_checks: list[str] = []

    def handle(self, *args: Any, **options: Any) -> None:
        directory = Path(os.environ.get("TIKTOKEN_CACHE_DIR") or settings.VAR_DIR / "tiktoken")
        try:
            unpacked = ensure_vocabularies(directory)
        except VocabularyError as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"Vocabularies in {directory}: {', '.join(unpacked) or 'nothing'} unpacked, all verified.")
