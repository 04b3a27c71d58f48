"""Play a fleet of agents through the real API, as demo data."""

from argparse import ArgumentParser, ArgumentTypeError
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from apps.access.domain.errors import Refused
from apps.access.domain.identity import ALL_SCOPES, Caller, Scope
from apps.access.services.keys import create_key, revoke_key
from apps.costs.domain.fleet import Fleet
from apps.costs.domain.money_format import format_money
from apps.costs.management.agent_client import AgentClient, NoAnswer
from apps.costs.management.own_address import own_address
from apps.costs.management.playing import Player
from apps.costs.services.demo import ensure_demo_projects

CALLER = Caller(
    kind="person", actor="command simulate", key_id=None, user_id=None, scopes=ALL_SCOPES, role=None, project_ids=None
)
MARGIN = timedelta(minutes=10)
KEY_HOURS = 24
REFUSALS_SHOWN = 5


class Command(BaseCommand):
    help = (
        "Play a believable fleet of agents through POST /api/usage, into demo projects that are in no total unless "
        "chosen. The same seed gives the same usage; running it again adds only what happened since."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        most = settings.INGEST_PAST_DAYS
        parser.add_argument("--seed", type=int, default=1, help="another number is another fleet (default: 1)")
        parser.add_argument("--agents", type=_at_least_one, default=6, help="how many agents (default: 6)")
        parser.add_argument(
            "--rate", type=_rate, default=1.0, help="how busy; 1 is about a call a minute over a week (default: 1)"
        )
        parser.add_argument(
            "--days-back", type=_days, default=0, metavar="DAYS", help=f"days of history first, at most {most}"
        )
        parser.add_argument("--minutes", type=_minutes, default=0.0, help="then play live for so many minutes")
        parser.add_argument("--url", default="", help="where Bursar is (default: this machine, BURSAR_PORT)")
        parser.add_argument("--key", default="", help="a key with usage:write (default: made, and revoked after)")

    def handle(self, *args: Any, **options: Any) -> None:
        if not (options["days_back"] or options["minutes"]):
            raise CommandError("Nothing to play: give --days-back, --minutes or both.")
        fleet = Fleet(options["seed"], options["agents"], options["rate"])
        try:
            with (
                closing(AgentClient(options["url"] or own_address())) as client,
                _keys(options["key"], options["minutes"]) as keys,
            ):
                self._play(Player(fleet, client, keys), options["days_back"], timedelta(minutes=options["minutes"]))
        except (NoAnswer, Refused, ValueError) as error:
            raise CommandError(str(error)) from error

    def _play(self, player: Player, days_back: int, live: timedelta) -> None:
        now = timezone.now()
        try:
            if days_back:
                player.history(_begin(now, days_back), now, lambda day: self.stdout.write(f"{day} played"))
            if live:
                self.stdout.write(f"Playing live until {now + live:%H:%M:%S} UTC; Ctrl-C ends it.")
                player.live(now, now + live)
        except KeyboardInterrupt:
            self.stdout.write("Stopped.")
        for line in _told(player.client):
            self.stdout.write(line)


def _told(client: AgentClient) -> Iterator[str]:
    counts = client.counts
    yield (
        f"{counts['accepted']:,} records stored, {counts['duplicates']:,} were there before, "
        f"{counts['conflicts']:,} conflicts, {counts['rejected']:,} refused, {counts['unpriced']:,} without a price"
    )
    yield from (f"  refused {text}" for text in client.refusals[:REFUSALS_SHOWN])
    yield f"Cost {format_money(client.cost_usd)} USD. See {client.url}/?demo=1"


@contextmanager
def _keys(given: str, minutes: float) -> Iterator[dict[str, str]]:
    """The key to use for each demo project: the one given, or new ones that end with the play."""
    projects = ensure_demo_projects()
    if given:
        yield dict.fromkeys(projects, given)
        return
    expires = timezone.now() + timedelta(hours=KEY_HOURS, minutes=minutes)
    made = {
        name: create_key(
            caller=CALLER, name="Demo fleet", scopes=[Scope.USAGE_WRITE], project_id=project_id, expires_at=expires
        )
        for name, project_id in projects.items()
    }
    try:
        yield {name: new.secret for name, new in made.items()}
    finally:
        for new in made.values():
            revoke_key(caller=CALLER, key_id=new.key.pk)


def _begin(now: datetime, days_back: int) -> datetime:
    """So many days ago, but never so early that the API would refuse it by the time it is sent."""
    return max(now - timedelta(days=days_back), now - timedelta(days=settings.INGEST_PAST_DAYS) + MARGIN)


def _at_least_one(text: str) -> int:
    return int(_within(text, 1, 1000, "a number of agents"))


def _days(text: str) -> int:
    return int(_within(text, 0, settings.INGEST_PAST_DAYS, "a number of days"))


def _rate(text: str) -> float:
    return _within(text, 0.01, 1000, "a rate")


def _minutes(text: str) -> float:
    return _within(text, 0, 7 * 24 * 60, "a number of minutes")


def _within(text: str, least: float, most: float, what: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = least - 1
    if not least <= number <= most:
        raise ArgumentTypeError(f"{what} is from {least:g} to {most:g}, not {text}")
    return number
