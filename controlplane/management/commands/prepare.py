"""Everything that must be true before the first request; safe to run at every start."""

import json
import os
from io import StringIO
from typing import Any

from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import OperationalError, connection
from django.utils import timezone

from apps.costs.services.partitions import make_ahead
from apps.routing.services.conversation_budgets import bring_about
from apps.routing.services.first_policy import MAKER, publish_first_policy
from controlplane.launch.console import Console
from controlplane.static_files import note_static_files, static_files_are_current

FIRST_OWNER = "owner@localhost"


class Command(BaseCommand):
    """Migrate, load prices and token vocabularies, collect static files, make the first owner and the first key."""

    help = __doc__
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--owner", default=FIRST_OWNER, help=f"e-mail of the first owner (default {FIRST_OWNER})")
        parser.add_argument("--files-only", action="store_true", help="no database: only vocabularies and static files")
        parser.add_argument("--report", type=int, help="file descriptor that gets the first secrets as JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        console = Console()
        prepare_files(console)
        if options["files_only"]:
            return
        prepare_database(console)
        first = {
            "owner": _created("create_owner", "--email", options["owner"]),
            "key": _created("create_first_key"),
        }
        if options["report"] is not None:
            with os.fdopen(options["report"], "w") as report:
                json.dump(first, report)
        else:
            self._tell(first)

    def _tell(self, first: dict[str, dict[str, Any] | None]) -> None:
        if owner := first["owner"]:
            self.stdout.write(f"Owner {owner['email']}, password {owner['password']} (shown this once)")
        if key := first["key"]:
            self.stdout.write(f"Agent key {key['key']} (shown this once)")


def prepare_files(console: Console) -> None:
    """Unpack the token vocabularies and collect the static files, where that has not happened."""
    with console.step("Unpacking the token vocabularies"):
        call_command("unpack_vocabularies", stdout=StringIO())
    if not static_files_are_current():
        with console.step("Collecting static files"):
            call_command("collectstatic", interactive=False, verbosity=0)
            note_static_files()


def prepare_database(console: Console) -> None:
    """Migrate, make the months ahead, load the prices, publish the first policy.

    Raises CommandError when the database does not answer.
    """
    try:
        connection.ensure_connection()
    except OperationalError as error:
        raise CommandError(f"The database does not answer: {error}") from error
    with console.step("Migrating the database"):
        call_command("migrate", interactive=False, verbosity=0)
    make_ahead(timezone.now())
    with console.step("Loading the price book"):
        call_command("load_prices", stdout=StringIO())
    publish_first_policy(now=timezone.now())
    bring_about(actor=MAKER)


def _created(command: str, *arguments: str) -> dict[str, Any] | None:
    """What a create command made and tells only now; None when it was there already."""
    output = StringIO()
    call_command(command, *arguments, "--if-none", "--json", stdout=output)
    answer: dict[str, Any] = json.loads(output.getvalue() or "{}")
    return answer if answer.get("created") else None
