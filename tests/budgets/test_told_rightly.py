"""Between addressing and sending a night may pass: hours, readers and channels as they are when a message leaves."""

from collections.abc import Callable, Mapping
from datetime import time, timedelta
from typing import Any

import pytest
from django.utils import timezone
from pytest_django import Settings

from apps.access.domain.identity import Role
from apps.access.models import Project, User
from apps.budgets.domain.telling import Manner, due_at
from apps.budgets.models import Alert, Budget, Channel, Counter, Delivery, MailAddress
from apps.budgets.services import tending
from apps.budgets.services.alerting import addresses, channels
from apps.budgets.services.alerting.addressing import address_waiting
from apps.budgets.services.alerting.audience import Telling, set_audience
from apps.budgets.services.alerting.raising import raise_alerts, resolve_alerts
from apps.budgets.services.outbound import Answer, OutboundError
from apps.budgets.services.outbox import sweeping
from apps.budgets.services.outbox.resending import resend
from apps.budgets.services.outbox.sweeping import sweep
from tests.budgets.acts import OWNER, make_budget, spend
from tests.budgets.alerting import audience, channel, crossing, raised
from tests.budgets.conftest import Clock, use_mail_server
from tests.budgets.smtp import MailServer, mail_server, parts
from tests.budgets.test_alerting import at, subjects
from tests.budgets.test_webhooks import Receiver
from tests.cast import make_person

NIGHT: dict[str, Any] = {"quiet_from": time(22), "quiet_until": time(7)}
WORDS = "Nobody of this address is to be told any more."


def set_hours(clock: Clock, **hours: Any) -> None:
    usual: dict[str, Any] = {
        "roles": ["owner"], "address_ids": [], "channel_ids": [], "lowest": "info", "digest_minutes": 0,
        "quiet_from": None, "quiet_until": None, "zone": "UTC", "remind_hours": 24, "tells_resolved": True,
    }  # fmt: skip
    set_audience(caller=OWNER, wanted=Telling(**usual | hours), now=clock())


def test_a_mail_that_fails_or_comes_late_leaves_nobody_awake(alice: User, settings: Settings, clock: Clock) -> None:
    audience(**NIGHT)
    with mail_server(failing=1.0) as server:
        use_mail_server(settings, server)
        clock.now = at("2026-11-25T21:59:58Z")
        raised(clock(), title="failed")
        sweep(clock=clock)
        raised(clock(), 2, severity="critical", title="grave")
        address_waiting(now=clock())
        raised(clock(), 3, title="late")
        address_waiting(now=clock())
        server.failing, morning = 0, at("2026-11-26T07:00:00Z")
        for minutes in (1, 30, 200):
            clock.move(minutes=minutes)
            sweep(clock=clock)
        assert subjects(server) == ["grave"]
        late = Delivery.objects.get(items__announcement__alert__title="late")
        assert (late.due_at, late.tries, late.state) == (morning, 0, "waiting")
        # Somebody who wants it now has it now.
        resend(caller=OWNER, delivery_id=late.pk, now=clock())
        sweep(clock=clock)
        assert subjects(server) == ["grave", "late"]
        clock.now = morning
        sweep(clock=clock)
    assert subjects(server) == ["grave", "late", "failed"]


def test_hours_that_are_changed_hold_for_what_waits(alice: User, mails: MailServer, clock: Clock) -> None:
    set_hours(clock, **NIGHT)
    clock.now = at("2026-11-25T23:00:00Z")
    raised(clock())
    sweep(clock=clock)
    for hours, expected in (
        ({"quiet_from": time(22), "quiet_until": time(9)}, "2026-11-26T09:00:00Z"),
        ({**NIGHT, "digest_minutes": 1440}, "2026-11-26T07:00:00Z"),
        ({"digest_minutes": 1440}, "2026-11-26T00:00:00Z"),
        ({}, "2026-11-25T23:00:00Z"),
    ):
        set_hours(clock, **hours)
        assert Delivery.objects.get().due_at == at(expected), hours
    sweep(clock=clock)
    assert len(mails.accepted) == 1


def test_the_hour_that_comes_twice_is_quiet_twice() -> None:
    night = Manner(quiet_from=time(1), quiet_until=time(2, 30), zone="Europe/Berlin")
    for now, expected in (
        ("2026-10-25T00:15:00Z", "2026-10-25T00:30:00Z"),  # 02:15, the first time
        ("2026-10-25T01:15:00Z", "2026-10-25T01:30:00Z"),  # and the second
        ("2026-10-25T01:30:00Z", "2026-10-25T01:30:00Z"),
        ("2026-03-29T00:30:00Z", "2026-03-29T01:30:00Z"),  # 02:30 is skipped: it is 03:30
    ):
        assert due_at(night, "info", at(now)) == at(expected), now


def test_who_is_gone_meanwhile_hears_nothing(
    alice: User, bob: User, support: Project, sales: Project, mails: MailServer, clock: Clock
) -> None:
    dora = make_person("dora@example.org", Role.ADMIN)
    agreed = MailAddress.objects.create(address="pager@example.org", asked_by="ada", verified_at=clock())
    told = audience(roles=["owner", "admin"], digest_minutes=60)
    told.addresses.add(agreed)
    for number, project in ((1, support), (2, sales)):
        raised(clock(), number, project_id=project.pk, title=project.name)
    sweep(clock=clock)
    User.objects.filter(pk=bob.pk).update(is_active=False)
    dora.limited = True
    dora.save()
    dora.projects.add(support)
    addresses.remove(caller=OWNER, address_id=agreed.pk)
    clock.move(hours=1)
    sweep(clock=clock)
    assert {(str(mail["To"]), subject) for mail, subject in zip(mails.accepted, subjects(mails), strict=True)} == {
        ("alice@example.org", f"2 alerts: {support.name}"),
        ("dora@example.org", support.name),
    }
    rows = Delivery.objects.exclude(state="sent").values_list("address", "state", "error")
    assert set(rows) == {(one, "given_up", WORDS) for one in ("bob@example.org", "pager@example.org")}


def test_nothing_is_asked_or_tried_of_who_is_gone(alice: User, bob: User, mails: MailServer, clock: Clock) -> None:
    asked = addresses.ask(caller=OWNER, address="pager@example.org", now=clock())
    addresses.remove(caller=OWNER, address_id=asked.pk)
    channels.try_mail(caller=OWNER, address=bob.email, now=clock())
    channels.try_mail(caller=OWNER, address=alice.email, now=clock())
    User.objects.filter(pk=bob.pk).update(is_active=False)
    sweep(clock=clock)
    assert [str(mail["To"]) for mail in mails.accepted] == [alice.email]


def test_who_is_chosen_and_gone_leaves_it_to_the_usual_ones(
    alice: User, bob: User, mails: MailServer, clock: Clock, receiver: Receiver
) -> None:
    audience(roles=["owner"])
    hook = Channel.objects.create(kind="webhook", name="Ops", url="https://example.org/", nonce="n")
    chosen = {1: ["bob@example.org"], 2: ["channel:Ops"], 3: ["channel:Gone", "bob@example.org"]}
    ids = {number: make_budget(name=str(number)).pk for number in chosen}
    for number, recipients in chosen.items():
        Budget.objects.filter(id=ids[number]).update(recipients=recipients)
    channels.change(caller=OWNER, channel_id=hook.pk, name="Operations", now=clock())
    assert Budget.objects.get(id=ids[2]).recipients == ["channel:Operations"]
    User.objects.filter(pk=bob.pk).update(is_active=False)
    for number, budget_id in ids.items():
        raised(clock(), budget_id, title=str(number))
    sweep(clock=clock)
    assert subjects(mails) == ["1", "3"]
    assert [body["data"]["title"] for body in receiver.bodies] == ["2"]


def test_a_beginning_never_comes_after_its_end(alice: User, settings: Settings, clock: Clock) -> None:
    audience()
    with mail_server(failing=1.0) as server:
        use_mail_server(settings, server)
        raised(clock())
        raised(clock(), 2)
        sweep(clock=clock)
        server.failing = 0
        resolve_alerts(kind="budget_threshold", subject="budget:1", occurrences_prefix="", now=clock.move(seconds=1))
        sweep(clock=clock)
        sweep(clock=Clock(clock.move(minutes=1)))
        assert subjects(server) == ["Resolved: Budget 1 is at 80 %", "Budget 2 is at 80 %"]
        # Of two lines that were crossed at once one is over before the mail of both could leave.
        server.failing = 1.0
        lines = [crossing(3, occurrence=f"2026-11-01T00:00:00+00:00:actual:{level}%:notify", title=f"{level} %")
                 for level in (80, 90)]  # fmt: skip
        raise_alerts(crossings=lines, now=clock())
        sweep(clock=clock)
        server.failing = 0
        upper: dict[str, Any] = {"occurrences_prefix": "", "occurrences_suffix": "90%:notify"}
        resolve_alerts(kind="budget_threshold", subject="budget:3", now=clock.move(seconds=1), **upper)
        sweep(clock=clock)
        sweep(clock=Clock(clock.move(minutes=1)))
    assert subjects(server)[2:] == ["Resolved: 90 %", "80 %"]


@pytest.fixture
def receiver(monkeypatch: pytest.MonkeyPatch) -> Receiver:
    found = Receiver()
    monkeypatch.setattr("apps.budgets.services.outbox.posts.post", found.post)
    return found


def test_a_channel_that_is_switched_off_gets_nothing_that_waits(db: None, receiver: Receiver, clock: Clock) -> None:
    hook = channel()
    receiver.answer = 500
    raised(clock())
    sweep(clock=clock)
    channels.change(caller=OWNER, channel_id=hook.pk, on=False, now=clock.move(minutes=5))
    receiver.answer = 200
    sweep(clock=clock)
    assert len(receiver.got) == 1
    assert Delivery.objects.values_list("state", "error").get() == ("given_up", "The channel was switched off.")


def test_a_channel_is_off_after_the_last_try_and_one_failure_weeks_later_is_no_reason(
    alice: User, receiver: Receiver, clock: Clock
) -> None:
    hook = channel()
    receiver.answer = 500
    raised(clock())
    sweep(clock=clock)
    while waiting := Delivery.objects.filter(state="waiting", channel=hook).first():
        clock.now = waiting.due_at
        sweep(clock=clock)
    sweep(clock=clock)
    hook.refresh_from_db()
    assert hook.off_since == clock()
    assert Delivery.objects.get(channel=hook).error == "The receiver answered 500."
    acts: list[Callable[[], Channel]] = [
        lambda: channels.change(caller=OWNER, channel_id=hook.pk, on=True, now=clock.move(days=20)),
        lambda: channels.delete(caller=OWNER, channel_id=hook.pk, now=clock()),
    ]
    for act in acts:
        assert Alert.objects.get(kind="channel_off", state="firing").subject == f"channel:{hook.pk}"
        act()
        assert not Alert.objects.open().filter(kind="channel_off").exists()
        if hook in Channel.objects.all():
            raised(clock(), 2)
            sweep(clock=clock)
            assert Delivery.objects.filter(channel=hook, state="waiting").count() == 1
            receiver.answer = 410
            clock.move(seconds=6)
            sweep(clock=clock)
            gone = Delivery.objects.filter(channel=hook).latest("id")
            assert (gone.state, gone.error) == ("given_up", "The receiver answered 410: it wants nothing any more.")


def test_receivers_that_hang_keep_nobody_waiting(
    alice: User, mails: MailServer, receiver: Receiver, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sweeping, "SLOW", 0)
    told: list[int] = []

    def hang(url: str, *, body: bytes, headers: Mapping[str, str]) -> Answer:
        told.append(len(mails.accepted))
        if len(told) == 1:
            raised(clock(), 2, title="meanwhile")
        raise OutboundError("example.org did not answer within 10 s.")

    audience()
    for number in range(3):
        channel(name=f"Ops {number}")
    monkeypatch.setattr("apps.budgets.services.outbox.posts.post", hang)
    Channel.objects.filter(name="Ops 0").update(failing_since=clock())
    raised(clock(), title="first")
    sweep(clock=clock)
    assert subjects(mails) == ["first", "meanwhile"]
    # One of those that did not fail before was tried first; then the mails; what failed before came last.
    assert told[-1] == 2
    assert len(told) == 3


def test_what_is_over_before_it_was_addressed_is_told_as_resolved(alice: User, mails: MailServer, clock: Clock) -> None:
    audience()
    raised(clock())
    resolve_alerts(kind="budget_threshold", subject="budget:1", occurrences_prefix="", now=clock.move(seconds=1))
    sweep(clock=clock)
    assert subjects(mails) == ["Resolved: Budget 1 is at 80 %"]
    assert "Raised: 2026-11-25 12:00 UTC" in parts(mails.accepted[0])[0]


def test_of_what_is_told_late_nobody_hears_that_it_is_over(alice: User, mails: MailServer) -> None:
    audience()
    budget = make_budget("10", period="day", thresholds=[{"percent": 80, "action": "notify"}])
    Counter.objects.all().delete()
    Budget.objects.filter(pk=budget.pk).update(created_at=timezone.now() - timedelta(days=9))
    spend("9", at=timezone.now() - timedelta(days=1))
    for _ in range(2):
        sweep()
        tending.tend(now=timezone.now())
    assert subjects(mails) == ["All: 80 % of $10.00 is spent, told late"]
    assert Alert.objects.get().state == "resolved"
