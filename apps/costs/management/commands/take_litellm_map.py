"""Take the newest edition of litellm's price map into the project."""

import lzma
import re
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from apps.costs.services.price_book import litellm
from apps.costs.services.price_book.editions import NOTICE, SHIPPED_MAP
from apps.costs.services.price_book.litellm_entry import EntryError
from apps.costs.services.price_book.wheels import FetchError, fetch_file


class Command(BaseCommand):
    help = (
        "For maintainers: fetch litellm's newest wheel from the configured package index, read its price map without "
        "importing it, and write apps/costs/price_lists. Nothing is installed, and no database is needed."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--seconds", type=float, default=300, help="the longest the fetch may take (default 300)")

    def handle(self, *args: Any, **options: Any) -> None:
        today = timezone.now().date()
        try:
            map = fetch_file(
                package="litellm", member=litellm.MEMBER, seconds=options["seconds"], most_bytes=250_000_000
            )
            litellm.read_map(map.data, version=map.version, edition=today, find=lambda provider, name: None)
        except (FetchError, EntryError) as error:
            raise CommandError(f"{error} The shipped map is unchanged.") from error
        notice = NOTICE.read_text()
        notice = re.sub(r"(?m)^Edition: .*$", f"Edition: litellm {map.version}, taken {today}", notice)
        digest = f"SHA-256 of the map:  {map.sha256}  {len(map.data):,} bytes"
        SHIPPED_MAP.write_bytes(lzma.compress(map.data, preset=9 | lzma.PRESET_EXTREME))
        NOTICE.write_text(re.sub(r"(?m)^SHA-256 of the map: .*$", digest, notice))
        self.stdout.write(f"litellm {map.version}: {len(map.data):,} bytes, SHA-256 {map.sha256}")
