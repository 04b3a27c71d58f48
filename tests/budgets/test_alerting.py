"""What becomes of an alert: taken up, silenced, told again, told to whom, at what time."""

from datetime import UTC, datetime, time, timedelta

import pytest
from pytest_django import Settings

from apps.access.domain.errors import Conflict, Refused
from apps.access.domain.identity import Role
from apps.access.models import Project, User
from apps.budgets.domain.recipients import Recipients, read_recipients
from apps.budgets.domain.telling import Manner, due_at, is_worth_telling
from apps.budgets.models import Alert, Announcement, Audience, Budget, Delivery, MailAddress
from apps.budgets.services.alerting import acting, addresses, following
from apps.budgets.services.alerting.raising import resolve_alerts
from apps.budgets.services.outbox.sweeping import sweep
from tests.budgets.acts import make_budget
from tests.budgets.alerting import audience, raised
from tests.budgets.conftest import Clock
from tests.budgets.smtp import MailServer, parts
from tests.cast import make_person


def subjects(mails: MailServer) -> list[str]:
    return [str(mail["Subject"]).removeprefix("[Bursar] ") for mail in mails.accepted]


def test_acknowledge_silence_and_take_back(alice: User, clock: Clock) -> None:
    alert, me = raised(clock()), alice.caller()
    taken = acting.acknowledge(caller=me, alert_id=alert.pk, now=clock.move(minutes=1))
    assert (taken.state, taken.changed_by, taken.changed_at) == ("acknowledged", "alice@example.org", clock())
    with pytest.raises(Conflict, match="alice@example.org has acknowledged it"):
        acting.acknowledge(caller=me, alert_id=alert.pk, now=clock())
    until = clock() + timedelta(hours=8)
    assert acting.silence(caller=me, alert_id=alert.pk, until=until, now=clock()).silenced_until == until
    back = acting.fire_again(caller=me, alert_id=alert.pk, now=clock())
    assert (back.state, back.changed_by, back.silenced_until) == ("firing", "", None)
    with pytest.raises(Conflict, match="firing already"):
        acting.fire_again(caller=me, alert_id=alert.pk, now=clock())
    for wrong in (clock(), clock() + timedelta(days=367)):
        with pytest.raises(Refused, match="within a year"):
            acting.silence(caller=me, alert_id=alert.pk, until=wrong, now=clock())
    resolve_alerts(kind="budget_threshold", subject="budget:1", occurrences_prefix="", now=clock())
    for act in (acting.acknowledge, acting.fire_again):
        with pytest.raises(Conflict, match="resolved"):
            act(caller=me, alert_id=alert.pk, now=clock())


def test_a_silence_covers_what_comes_after_on_the_same_subject(alice: User, mails: MailServer, clock: Clock) -> None:
    first = raised(clock())
    sweep(clock=clock)
    acting.silence(caller=alice.caller(), alert_id=first.pk, until=clock() + timedelta(hours=8), now=clock())
    raised(clock(), occurrence="2026-11-01 actual 100%", title="Budget 1 is used up")
    raised(clock(), 2)
    sweep(clock=clock)
    assert subjects(mails) == ["Budget 1 is at 80 %", "Budget 2 is at 80 %"]
    assert Alert.objects.filter(state="silenced", silenced_until=clock() + timedelta(hours=8)).count() == 2
    assert following.end_silences(now=clock.move(hours=8)) == 2
    assert following.end_silences(now=clock()) == 0
    sweep(clock=clock)
    assert subjects(mails)[2:] == ["2 alerts: Still firing: Budget 1 is at 80 %"]


def test_critical_ones_nobody_took_up_are_told_again_three_times(alice: User, mails: MailServer, clock: Clock) -> None:
    raised(clock(), severity="critical", title="Blocked")
    raised(clock(), 2, severity="critical", title="Taken up")
    raised(clock(), 3, title="Only a warning")
    acting.acknowledge(caller=alice.caller(), alert_id=Alert.objects.get(subject="budget:2").pk, now=clock())
    sweep(clock=clock)
    mails.accepted.clear()
    for _ in range(5):
        clock.move(hours=23)
        assert following.remind(now=clock()) == 0
        following.remind(now=clock.move(hours=1))
        following.remind(now=clock())
        sweep(clock=clock)
    assert subjects(mails) == ["Still firing: Blocked"] * 3


def test_the_end_is_told_to_those_who_heard_of_the_beginning(
    alice: User, bob: User, mails: MailServer, clock: Clock
) -> None:
    told = audience(roles=["owner"])
    raised(clock())
    raised(clock(), 2, mails=False)
    sweep(clock=clock)
    told.roles = ["owner", "admin"]
    told.save()
    for number in (1, 2):
        resolve_alerts(kind="budget_threshold", subject=f"budget:{number}", occurrences_prefix="", now=clock())
    sweep(clock=clock)
    assert [(mail["To"], mail["Subject"]) for mail in mails.accepted] == [
        ("alice@example.org", "[Bursar] Budget 1 is at 80 %"),
        ("alice@example.org", "[Bursar] Resolved: Budget 1 is at 80 %"),
    ]
    assert mails.accepted[0]["References"] == mails.accepted[1]["References"]


def test_people_hear_only_of_what_they_may_see(
    alice: User, support: Project, sales: Project, mails: MailServer, clock: Clock
) -> None:
    make_person("dora@example.org", Role.ADMIN, support)
    raised(clock(), 1, project_id=support.pk, title="support")
    raised(clock(), 2, project_id=sales.pk, title="sales")
    raised(clock(), 3, title="everything")
    sweep(clock=clock)
    to = {
        (str(mail["To"]).partition("@")[0], subject)
        for mail, subject in zip(mails.accepted, subjects(mails), strict=True)
    }
    assert to == {("alice", "support"), ("dora", "support"), ("alice", "sales"), ("alice", "everything")}


def test_a_budget_tells_whom_it_chose(alice: User, bob: User, ann: User, mails: MailServer, clock: Clock) -> None:
    for number, chosen in ((1, ["analyst", "nonsense"]), (2, ["bob@example.org"]), (3, []), (4, ["nonsense"])):
        budget = make_budget(name=str(number))
        Budget.objects.filter(id=budget.pk).update(recipients=chosen)
        raised(clock(), budget.pk, title=str(number))
    audience(roles=["owner"])
    sweep(clock=clock)
    told = [
        (title, str(mail["To"]).partition("@")[0]) for title, mail in zip(subjects(mails), mails.accepted, strict=True)
    ]
    assert told == [("1", "ann"), ("2", "bob"), ("3", "alice"), ("4", "alice")]


def test_an_address_gets_alerts_once_its_reader_agreed(alice: User, mails: MailServer, clock: Clock) -> None:
    told = audience(roles=[])
    found = addresses.ask(caller=alice.caller(), address=" Pager@Example.org", now=clock())
    told.addresses.add(found)
    raised(clock())
    sweep(clock=clock)
    assert subjects(mails) == ["Do you want alerts from Bursar?"]
    assert "/alerts/agree/" in parts(mails.accepted[0])[0]
    for _ in range(2):
        addresses.agree(address="pager@example.org", now=clock())
    raised(clock(), 2)
    sweep(clock=clock)
    assert (mails.accepted[1]["To"], subjects(mails)[1]) == ("pager@example.org", "Budget 2 is at 80 %")
    with pytest.raises(Conflict):
        addresses.ask(caller=alice.caller(), address="pager@example.org", now=clock())
    with pytest.raises(Conflict, match="choose their role"):
        addresses.ask(caller=alice.caller(), address="alice@example.org", now=clock())
    addresses.remove(caller=alice.caller(), address_id=found.pk)
    assert not MailAddress.objects.exists()


def test_digests_gather_and_critical_ones_do_not_wait(alice: User, mails: MailServer, clock: Clock) -> None:
    audience(digest_minutes=60, lowest="warning")
    clock.move(minutes=10)
    for number in range(3):
        raised(clock.move(minutes=5), number)
        sweep(clock=clock)
    raised(clock(), 7, severity="info", title="too mild")
    raised(clock(), 8, severity="critical", title="now")
    sweep(clock=clock)
    assert subjects(mails) == ["now"]
    clock.now = datetime(2026, 11, 25, 13, tzinfo=UTC)
    sweep(clock=clock)
    assert subjects(mails) == ["now", "3 alerts: Budget 0 is at 80 %"]


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


def test_when_somebody_is_told() -> None:
    night = Manner(quiet_from=time(22), quiet_until=time(7), zone="Europe/Berlin")
    noon = Manner(quiet_from=time(12), quiet_until=time(13, 30))
    for manner, severity, now, expected in (
        (Manner(), "info", "2026-11-25T23:59:00Z", "2026-11-25T23:59:00Z"),
        (night, "warning", "2026-11-25T20:59:59Z", "2026-11-25T20:59:59Z"),
        (night, "warning", "2026-11-25T21:00:00Z", "2026-11-26T06:00:00Z"),
        (night, "critical", "2026-11-25T21:00:00Z", "2026-11-25T21:00:00Z"),
        (night, "info", "2026-11-26T05:59:59Z", "2026-11-26T06:00:00Z"),
        (night, "info", "2026-11-26T06:00:00Z", "2026-11-26T06:00:00Z"),
        (night, "info", "2026-03-28T22:00:00Z", "2026-03-29T05:00:00Z"),  # the clock goes forward that night
        (night, "info", "2026-10-24T21:00:00Z", "2026-10-25T06:00:00Z"),  # and back
        (noon, "info", "2026-11-25T12:00:00Z", "2026-11-25T13:30:00Z"),
        (Manner(quiet_from=time(5), quiet_until=time(5)), "info", "2026-11-25T05:00:00Z", "2026-11-25T05:00:00Z"),
        (Manner(digest_minutes=60), "info", "2026-11-25T12:00:00Z", "2026-11-25T13:00:00Z"),
        (Manner(digest_minutes=1440), "info", "2026-11-25T12:00:00Z", "2026-11-26T00:00:00Z"),
        (
            Manner(digest_minutes=60, quiet_from=time(13), quiet_until=time(14)),
            "info",
            "2026-11-25T12:30:00Z",
            "2026-11-25T14:00:00Z",
        ),
    ):
        assert due_at(manner, severity, at(now)) == at(expected), (manner, now)
    assert [is_worth_telling(Manner(lowest="warning"), one) for one in ("info", "warning", "critical")] == [
        False,
        True,
        True,
    ]


def test_recipients_as_they_are_written_down() -> None:
    roles = [role.value for role in Role]
    found = read_recipients([" Admin", "Ada@Example.org", "channel: Ops ", "admin"], roles=roles)
    assert found == Recipients(frozenset({"admin"}), frozenset({"ada@example.org"}), frozenset({"Ops"}))
    assert found.texts == ["admin", "ada@example.org", "channel:Ops"]
    assert read_recipients(found.texts, roles=roles) == found
    assert not read_recipients([], roles=roles)
    for wrong in ("everybody", "channel:", ""):
        with pytest.raises(ValueError, match="is neither a role"):
            read_recipients([wrong], roles=roles)


def test_old_resolved_alerts_go_with_all_that_told_of_them(
    alice: User, mails: MailServer, clock: Clock, settings: Settings
) -> None:
    raised(clock())
    sweep(clock=clock)
    resolve_alerts(kind="budget_threshold", subject="budget:1", occurrences_prefix="", now=clock())
    sweep(clock=clock)
    raised(clock(), 2)
    clock.move(days=settings.ALERT_KEPT_DAYS, seconds=1)
    assert following.drop_old(now=clock()) == 1
    assert Alert.objects.get().subject == "budget:2"
    assert Announcement.objects.count() == 1
    assert not Delivery.objects.exists()


def test_nobody_chose_yet(db: None) -> None:
    assert Audience().roles == ["owner", "admin"]
