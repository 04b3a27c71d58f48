"""Takes the settings block of an agent, as it is, as a draft, and names what of it cannot work today."""

from codecs import BOM_UTF8
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from apps.access.domain.errors import Refused
from apps.routing.domain.agent_settings import document_of_settings
from apps.routing.domain.policy import PolicyError
from apps.routing.selectors.policies import checked
from apps.routing.services.policies import CannotPublish, make_draft, publish

WHO = "import_policy"
_DECODER = msgspec.json.Decoder(float_hook=Decimal)
"""Money is taken by its digits."""


class Command(BaseCommand):
    """Make a draft of a policy from the settings block of an agent (JSON)."""

    help = __doc__

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path, help="JSON with model_tiers and the other model_routing_… settings")
        parser.add_argument("--publish", action="store_true", help="publish it, if nothing keeps it from working")

    def handle(self, *args: Any, **options: Any) -> None:
        file: Path = options["file"]
        try:
            settings = _DECODER.decode(file.read_bytes().removeprefix(BOM_UTF8))
            if not isinstance(settings, dict):
                raise CommandError("The file holds no JSON object.")
            document, notes = document_of_settings(settings)
            draft = make_draft(caller=WHO, document=document, note=f"Imported from {file.name}")
        except OSError as error:
            raise CommandError(f"The file cannot be read: {error}") from error
        except (ValueError, msgspec.DecodeError, RecursionError) as error:
            where = f" (at {error.path})" if isinstance(error, PolicyError) and error.path else ""
            raise CommandError(f"The file is no settings block: {error}{where}") from error
        except Refused as refusal:
            raise CommandError(f"The block is no policy: {refusal.message} (at {refusal.path})") from refusal
        self.stdout.write(f"Draft {draft.pk} was made; it stands under Routing, Versions.")
        problems = checked(draft.document, now=timezone.now())[1]
        for line in (*notes, *(problem.message for problem in problems)):
            self.stdout.write(f"- {line}")
        if options["publish"]:
            self._publish(draft.pk)

    def _publish(self, draft_id: int) -> None:
        try:
            version = publish(caller=WHO, draft_id=draft_id, now=timezone.now())
        except CannotPublish as refusal:
            raise CommandError(f"It cannot be published: {refusal.message}") from refusal
        self.stdout.write(f"Published as version {version.version}.")
