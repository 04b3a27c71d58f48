"""Makes the first agent key of an installation."""

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from apps.access.domain.identity import AGENT_SCOPES
from apps.access.models import ApiKey
from apps.access.services.keys import create_key
from apps.access.services.places import DEFAULT_PROJECT, ensure_projects


class Command(BaseCommand):
    help = "Make an agent key (usage:write, routing:use, metrics:read) for the project `default`; print it once."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--if-none", action="store_true", help="do nothing if any key was ever made")
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["if_none"] and ApiKey.objects.exists():
            self._tell({"created": False}, "A key exists already; nothing was made.", options["json"])
            return
        project_id = ensure_projects([DEFAULT_PROJECT])[DEFAULT_PROJECT]
        new = create_key(
            caller="command create_first_key", name="First key", scopes=AGENT_SCOPES, project_id=project_id
        )
        told = {"created": True, "name": new.key.name, "key": new.secret, "project": DEFAULT_PROJECT}
        self._tell(told, f"Agent key {new.secret}\nIt is shown only now.", options["json"])

    def _tell(self, values: dict[str, Any], words: str, as_json: bool) -> None:
        self.stdout.write(json.dumps(values) if as_json else words)
