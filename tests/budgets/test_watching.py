"""Alerts that need no budget: raised when it begins, once, and resolved when it is over."""

import shutil
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
from uuid import uuid4

import pytest
from django.conf import settings as configured
from django.utils import timezone
from pytest_django import Settings

from apps.budgets.models import Alert, Announcement
from apps.budgets.services.alerting.watching import watch
from apps.costs.domain.anomalies import Driver, Event
from apps.costs.models import ListComparison
from apps.costs.selectors.spend_hours import Anomaly
from controlplane import health
from controlplane.background_alerts import watch_background, watch_disk
from controlplane.models import Heartbeat
from tests.usage import call, report

NOW = datetime.now(UTC).replace(minute=20, second=0, microsecond=0)


def open_alerts(kind: str) -> list[str]:
    return list(Alert.objects.open().filter(kind=kind).order_by("id").values_list("title", flat=True))


def calls(ok: int, failed: int, at: datetime = NOW, provider: str = "openai") -> None:
    statuses = ["ok"] * ok + ["error"] * failed
    report([call(at, provider=provider, status=status) for status in statuses], at)


def test_a_provider_fails_and_recovers(db: None) -> None:
    calls(10, 9)
    watch(now=NOW)
    assert open_alerts("provider_down") == []  # 9 of 19: too few
    calls(0, 1, provider="OpenAI")
    for _ in range(2):
        watch(now=NOW)
    assert open_alerts("provider_down") == ["openai fails: 50 % of 20 calls"]
    alert = Alert.objects.get()
    assert (alert.severity, dict(alert.facts)["Failed"]) == ("critical", "10 of 20 calls (50 %)")
    calls(19, 0)
    watch(now=NOW)
    assert open_alerts("provider_down") != []  # 25 %: half of what raised it
    calls(2, 0)
    watch(now=NOW)
    assert open_alerts("provider_down") == []
    assert Alert.objects.count() == 1


def test_the_window_slides(db: None) -> None:
    calls(0, 30, at=NOW)
    watch(now=NOW + timedelta(minutes=24))
    assert open_alerts("provider_down") == ["openai fails: 100 % of 30 calls"]
    watch(now=NOW + timedelta(minutes=26))
    assert open_alerts("provider_down") == []


def test_usage_without_a_price_until_it_has_one(db: None) -> None:
    unpriced = call(NOW, provider="acme", model="acme-1")
    del unpriced["cost_usd"]
    report([unpriced], NOW)
    watch(now=NOW)
    assert open_alerts("unpriced_usage") == ["acme-1 has no price: the cost of 1 call is unknown"]
    report([unpriced], NOW)
    watch(now=NOW + timedelta(minutes=1))
    assert Alert.objects.get().title == "acme-1 has no price: the cost of 1 call is unknown"
    facts = dict(Alert.objects.get().facts)
    assert (facts["Model"], facts["Projects"]) == ("acme/acme-1", "default")


@pytest.mark.parametrize(("second", "expected"), [("19.99", 0), ("20", 1)])
def test_lists_that_disagree_by_what_is_worth_looking_at(db: None, second: str, expected: int) -> None:
    ListComparison.objects.create(
        provider="openai", name="gpt-4.1", first_price_id=1, second_price_id=2, unit="input_tokens", calls=7,
        first_usd=Decimal(10), second_usd=Decimal(second), compared_at=NOW,
    )  # fmt: skip
    watch(now=NOW)
    assert len(open_alerts("price_disagreement")) == expected
    ListComparison.objects.all().delete()
    watch(now=NOW)
    assert open_alerts("price_disagreement") == []


def test_unusual_hours_are_told_once_and_end_after_a_day(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    driver = Driver("gpt-4.1", spent=Decimal(50), usual=Decimal(8), share=Decimal("0.9"))
    event = Event(5, 7, spent=Decimal("52.50"), usual=Decimal("10.25"))
    hours = Anomaly(NOW - timedelta(hours=3), NOW - timedelta(hours=1), event, (("model", driver),))
    old = Anomaly(NOW - timedelta(hours=40), NOW - timedelta(hours=38), event, ())
    monkeypatch.setattr("apps.budgets.services.alerting.watching.recent_anomalies", lambda query, now: [hours, old])
    for minutes in (0, 1):
        watch(now=NOW + timedelta(minutes=minutes))
    (title,) = open_alerts("anomaly")
    assert title.startswith("Spend is unusual: $42.25 more than expected, ")
    assert dict(Alert.objects.get().facts)["Explained by model"] == "gpt-4.1 (90.0% of it)"
    watch(now=NOW + timedelta(hours=25))
    assert open_alerts("anomaly") == []
    assert Announcement.objects.count() == 1


def test_unusual_hours_whose_bounds_move_or_that_stumble_are_told_once(
    db: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    def hours(*spans: tuple[int, int]) -> list[Anomaly]:
        event = Event(5, 7, spent=Decimal("52.50"), usual=Decimal("10.25"))
        return [Anomaly(NOW - timedelta(hours=a), NOW - timedelta(hours=b), event, ()) for a, b in spans]

    for found, told in (
        (hours((8, 7)), 1),
        (hours((9, 6)), 1),  # late records
        (hours((9, 7), (6, 4)), 1),  # an hour between them was re-rated, or it goes on and off
        (hours((9, 7), (6, 5), (2, 1)), 2),
        (hours((30, 29), (9, 7), (6, 5), (2, 1)), 2),
        (hours((20, 19)), 3),
    ):
        monkeypatch.setattr(f"{watch.__module__}.recent_anomalies", lambda query, now, found=found: found)
        watch(now=NOW)
        assert Alert.objects.filter(kind="anomaly").count() == told, found


def test_conditions_do_not_take_turns_nor_flap(db: None, settings: Settings) -> None:
    settings.ALERT_UNPRICED_NAMES, longest = 2, "x" * 127
    names = {name: call(NOW, provider="acme" * 32, model=name) for name in ("a", "b", f"{longest}1", f"{longest}2")}
    for one in names.values():
        del one["cost_usd"]
    for order in (("a", "b"), (f"{longest}1",) * 3, (f"{longest}2",) * 3):
        report([{**names[name], "id": uuid4().hex} for name in order], NOW)
        for minutes in range(2):
            watch(now=NOW + timedelta(minutes=minutes))
        assert sorted(title.split()[0] for title in open_alerts("unpriced_usage")) == ["a", "b"]
    settings.ALERT_UNPRICED_NAMES = 4
    for minutes in range(2, 5):
        watch(now=NOW + timedelta(minutes=minutes))
    assert Alert.objects.filter(kind="unpriced_usage", state="firing").count() == Alert.objects.count() == 4
    row = ListComparison.objects.create(
        provider="openai", name="gpt-4.1", first_price_id=1, second_price_id=2, unit="input_tokens", calls=7,
        first_usd=Decimal(10), second_usd=Decimal(20), compared_at=NOW,
    )  # fmt: skip
    for second, stands in ((20, True), (16, True), (20, True), (15, True), (14, False), (16, False)):
        row.second_usd = Decimal(second)
        row.save()
        watch(now=NOW + timedelta(hours=second))
        assert bool(open_alerts("price_disagreement")) is stands, second
    assert Alert.objects.filter(kind="price_disagreement").count() == 1


def test_background_work_that_is_late_until_it_has_caught_up(db: None) -> None:
    now = timezone.now()
    Heartbeat.objects.create(name="controlplane.tasks.watch_background", done_at=now)
    Heartbeat.objects.create(name="apps.costs.tasks.fold_days", done_at=now - timedelta(hours=2))
    watch_background(now=now, began=now - timedelta(seconds=119))  # the worker was started again just now
    assert open_alerts("background_late") == []
    for _ in range(2):
        watch_background(now=now, began=now - timedelta(seconds=120))
    assert "Background work is late: fold days" in open_alerts("background_late")
    Heartbeat.objects.update(done_at=now)
    watch_background(now=now, began=now - timedelta(hours=1))
    assert "Background work is late: fold days" not in open_alerts("background_late")


def test_a_disk_that_is_nearly_full_until_there_is_room(
    db: None, settings: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    rooms = {"free": 3 << 29}
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(total=8 << 30, free=rooms["free"]))
    assert health.disk_check() is None  # the database is elsewhere
    settings.DATABASE_FOLDER = str(tmp_path)
    for free, level, words in (
        (3 << 29, "ok", "1.5 GB of 8.0 GB are free where the database lies."),
        (1023 << 20, "late", "1023 MB of 8.0 GB are free where the database lies. Make room there, or keep less"),
        (1 << 30, "ok", "1.0 GB of 8.0 GB"),
    ):
        rooms["free"] = free
        check = health.disk_check()
        assert check is not None
        assert (check.level, check.words[: len(words)]) == (level, words)
        watch_disk(now=timezone.now())
        assert open_alerts("disk_low") == (["The database's disk is nearly full"] if level == "late" else [])
    settings.DATABASE_FOLDER = str(tmp_path / "gone")
    monkeypatch.undo()
    assert health.disk_check() is None


def test_what_stood_still_with_the_machine_is_given_one_look_to_catch_up(db: None) -> None:
    began = timezone.now()
    for entry in configured.CELERY_BEAT_SCHEDULE.values():
        Heartbeat.objects.create(name=entry["task"], done_at=began - timedelta(hours=2))
    watch_background(now=began, began=began - timedelta(days=1))
    assert open_alerts("background_late") == []

    Heartbeat.objects.exclude(name="apps.costs.tasks.fold_days").update(done_at=began)
    watch_background(now=began + timedelta(seconds=60), began=began - timedelta(days=1))
    assert open_alerts("background_late") == ["Background work is late: fold days"]
