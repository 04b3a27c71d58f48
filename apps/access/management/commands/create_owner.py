"""Makes an owner with a one-time password: sign-up is closed, so this is how the first person comes in."""

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from apps.access.domain.errors import Refused
from apps.access.models import User
from apps.access.services.people import create_owner


class Command(BaseCommand):
    help = "Make an owner and print a one-time password once; it is changed at the first login."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--email", required=True, help="the address the owner signs in with")
        parser.add_argument("--if-none", action="store_true", help="do nothing if an active owner exists")
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["if_none"] and User.objects.owners().exists():
            self._tell({"created": False}, "An owner exists already; nothing was made.", options["json"])
            return
        try:
            person, password = create_owner(email=options["email"])
        except Refused as refusal:
            raise CommandError(refusal.message) from refusal
        told = {"created": True, "email": person.email, "password": password}
        words = f"Owner {person.email}\nOne-time password {password}\nSign in at /login and choose your own."
        self._tell(told, words, options["json"])

    def _tell(self, values: dict[str, Any], words: str, as_json: bool) -> None:
        self.stdout.write(json.dumps(values) if as_json else words)
