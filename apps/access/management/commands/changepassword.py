"""Sets a person's password on the server: the way back in for who forgot it, told in the audit log like any other."""

from argparse import ArgumentParser
from getpass import getpass
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from apps.access.domain.errors import Refused
from apps.access.models import User
from apps.access.services.passwords import change_password

TRIES = 3


class Command(BaseCommand):
    help = "Set a person's password. It ends their sessions, and stands in the audit log."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("email", help="the address the person signs in with")

    def handle(self, *args: Any, **options: Any) -> str:
        person = User.objects.filter(email=options["email"].strip().lower()).first()
        if person is None:
            raise CommandError(f"Nobody signs in as {options['email']}.")
        for _ in range(TRIES):
            password = getpass(f"New password of {person.email}: ")
            if password != getpass("The same again: "):
                self.stderr.write("The two differ.")
                continue
            try:
                change_password(person=person, password=password, by="command changepassword")
            except Refused as refusal:
                self.stderr.write(refusal.message)
                continue
            return f"The password of {person.email} is changed." + ("" if person.is_active else _BARRED)
        raise CommandError(f"Nothing was changed after {TRIES} tries.")


_BARRED = " The person is deactivated, and cannot sign in before an owner lets them in again."
