"""Demo data: asked for, loaded, kept out of totals, and removed without a trace."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from uuid import uuid4

import pytest
import time_machine
from django.db import IntegrityError, connection
from django.test import Client

from apps.access.domain.errors import Conflict
from apps.access.domain.identity import Scope
from apps.access.models import AuditEntry, FormerProjectName, Project, User
from apps.budgets.domain.scopes import Facts
from apps.budgets.models import Alert, Counter, Entry, Reservation
from apps.budgets.services.reserving import reserve
from apps.costs.domain.fleet import CAST
from apps.costs.models import Cell, DaySlice, DemoRun, UsageDay, UsageQuarter, UsageRecord
from apps.costs.selectors.demo import DemoState, demo_state
from apps.costs.selectors.metrics import Totals, UsageQuery, totals
from apps.costs.selectors.rate_book import current_rate_book
from apps.costs.services.demo import (
    ask_to_load,
    ask_to_remove,
    asking,
    ensure_demo_projects,
    work_on_demo,
    working,
)
from apps.costs.services.ingest import record_usage
from apps.costs.services.price_book import load_genai_prices
from apps.routing.models import Compression, Decision
from tests.budgets.acts import make_budget
from tests.cast import HeldKey, make_person
from tests.usage import REPORTER, call

NOW = datetime(2026, 11, 18, 15, 20, tzinfo=UTC)
pytestmark = pytest.mark.django_db

SignIn = Callable[[User], Client]


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    """One day is enough where nothing else is said."""
    monkeypatch.setattr(asking, "DAYS", 1)


@pytest.fixture(autouse=True)
def frozen() -> Iterator[None]:
    with time_machine.travel(NOW, tick=False):
        yield


def query(*, include_demo: bool) -> UsageQuery:
    return UsageQuery(NOW - timedelta(days=40), NOW + timedelta(days=1), include_demo=include_demo)


def demo_totals() -> Totals:
    return totals(query(include_demo=True))


def loaded(alice: User, days: int = 1) -> Totals:
    ask_to_load(caller=alice.caller(), now=NOW, days=days)
    work_on_demo(now=NOW)
    return demo_totals()


def test_it_works(alice: User) -> None:
    found = loaded(alice, days=2)

    assert found.calls == UsageRecord.objects.filter(tool_id=0).count() > 1500
    assert found.tool_executions == UsageRecord.objects.exclude(tool_id=0).count() > 400
    assert totals(query(include_demo=False)) == Totals()
    first, last = (UsageRecord.objects.order_by(order)[0].occurred_at for order in ("occurred_at", "-occurred_at"))
    assert NOW - timedelta(days=2) <= first < NOW - timedelta(days=2) + timedelta(hours=1)
    assert NOW - timedelta(hours=1) < last < NOW
    run = DemoRun.objects.get()
    assert (run.finished_at, run.error, run.done) == (NOW, "", run.planned)


def test_every_model_of_the_fleet_has_a_price(alice: User) -> None:
    load_genai_prices(now=NOW)
    book = current_rate_book()
    for habit in CAST:
        for slot in [slot for slot, _ in habit.main] + ([habit.utility] if habit.utility else []):
            match = book.lookup(slot.provider, slot.model, NOW)
            assert match is not None, slot
            femto_usd, _ = match.card.charge(1000, 100, service_tier=habit.service_tier)
            assert femto_usd, slot
    found = loaded(alice)
    assert found.unpriced_calls == 0
    assert found.cost_usd > 1


def test_loading_it_again_adds_only_what_is_new(alice: User) -> None:
    before = loaded(alice)
    assert loaded(alice) == before


def test_a_load_that_ran_out_of_time_goes_on(alice: User) -> None:
    expected = loaded(alice)
    removed(alice)
    ask_to_load(caller=alice.caller(), now=NOW)
    rounds = 0
    while (run := work_on_demo(now=NOW, seconds=-1)) is not None:
        rounds += 1
        assert run.done <= run.planned
    assert rounds == 4  # three days, and a look that nothing is left
    assert demo_totals() == expected


def test_a_load_that_was_killed_in_the_middle_of_a_day_has_the_same_totals(
    alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = loaded(alice)
    removed(alice)
    ask_to_load(caller=alice.caller(), now=NOW)
    batches = []

    def killed(items: object, **more: object) -> object:
        batches.append(items)
        if len(batches) == 3:
            raise SystemExit
        return record_usage(items, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(working, "BATCH", 400)
    monkeypatch.setattr(working, "record_usage", killed)
    with pytest.raises(SystemExit):
        work_on_demo(now=NOW)
    assert work_on_demo(now=NOW) is None  # the dead worker's lease still holds
    assert work_on_demo(now=NOW + timedelta(minutes=5)) is not None
    assert demo_totals() == expected


def removed(alice: User) -> None:
    ask_to_remove(caller=alice.caller(), now=NOW)
    while work_on_demo(now=NOW) is not None:
        pass


def test_removal_leaves_nothing_in_any_table(alice: User, make_held_key: Callable[..., HeldKey]) -> None:
    record_usage([call(NOW, project="real", agent="mine", conversation_id="c")], caller=REPORTER, now=NOW)
    mine = totals(query(include_demo=False))
    loaded(alice)
    demo = list(Project.objects.filter(is_demo=True).values_list("id", flat=True))
    make_held_key(Scope.USAGE_WRITE, project_id=demo[0])
    FormerProjectName.objects.create(name="demo before", project_id=demo[0])
    # As the folds of closed days would have left it.
    quarters = UsageQuarter.objects.values_list("cell_id", "bucket", "calls")
    UsageDay.objects.bulk_create(UsageDay(cell_id=cell, bucket=at, calls=count) for cell, at, count in quarters)
    day = datetime(2026, 11, 17, tzinfo=UTC)
    ids = Project.objects.values_list("id", flat=True)
    DaySlice.objects.bulk_create(DaySlice(slice=1, bucket=day, project_id=id, a_id=0, b_id=0, calls=5) for id in ids)
    used_by_higher_apps(demo[0])

    removed(alice)

    assert not left_over(demo)
    assert not Entry.objects.exclude(counter_id__in=Counter.objects.values("id")).exists()
    assert Alert.objects.count() == Reservation.objects.count() == 0
    assert not Project.objects.filter(is_demo=True).exists()
    assert demo_totals() == totals(query(include_demo=False)) == mine
    assert Project.objects.filter(name="real").exists()
    assert Cell.objects.count() == 1


def used_by_higher_apps(project_id: int) -> None:
    """A budget that is overspent, with an alert, a reservation and its ledger; a decision, and a compression."""
    project = Project.objects.get(id=project_id)
    make_budget("5", scope={"project": project.name}, thresholds=[{"percent": 80, "action": "notify"}])
    record_usage([call(NOW, project=project.name, cost_usd="9")], caller=REPORTER, now=NOW)
    reserve(facts=Facts(project_id=project_id, project=project.name, is_demo=True), amount_usd=Decimal(1))
    assert (Alert.objects.count(), Entry.objects.count() > 0) == (1, True)
    answer = {"action": "keep", "reason_code": "pinned", "policy_version": 0, "asked": {}, "answer": {}}
    Decision.objects.create(project_id=project_id, decision_id="d", fingerprint=uuid4(), **answer)
    Compression.objects.create(compression_id="c", project_id=project_id, tokens_before=2, tokens_after=1)


def left_over(projects: list[int]) -> dict[str, int]:
    """Rows that still belong to the projects, in every table that knows of projects or cells."""
    found = {}
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = 'public'"
            " AND column_name IN ('project_id', 'cell_id') AND table_name <> 'access_auditentry'"
        )
        columns = cursor.fetchall()
        assert {"costs_usagerecord", "costs_usagekey", "costs_usagequarter", "costs_dayslice", "access_apikey"} <= {
            table for table, _ in columns
        }
        for table, column in columns:
            gone = "project_id = ANY(%s)" if column == "project_id" else "cell_id NOT IN (SELECT id FROM costs_cell)"
            cursor.execute(f"SELECT count(*) FROM {table} WHERE {gone}", [projects] if column == "project_id" else [])
            if count := cursor.fetchone()[0]:
                found[f"{table}.{column}"] = count
    return found


def test_removal_in_pieces_ends_the_same(alice: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("apps.costs.services.demo.removing.PIECE", 300)
    loaded(alice)
    demo = list(Project.objects.filter(is_demo=True).values_list("id", flat=True))
    ask_to_remove(caller=alice.caller(), now=NOW)
    while work_on_demo(now=NOW, seconds=-1) is not None:
        records = UsageRecord.objects.filter(project_id__in=demo, tool_id=0).count()
        assert demo_totals().calls == records
        if records == 0:
            break
    work_on_demo(now=NOW)
    assert not left_over(demo)


def test_removing_nothing_is_fine(alice: User) -> None:
    removed(alice)
    assert DemoRun.objects.get().error == ""


def test_only_one_wish_at_a_time(alice: User) -> None:
    ask_to_load(caller=alice.caller(), now=NOW)
    with pytest.raises(Conflict, match="just now"):
        ask_to_remove(caller=alice.caller(), now=NOW)
    with pytest.raises(IntegrityError):
        DemoRun.objects.create(act="load", asked_by="x", until=NOW)


def test_a_worker_that_has_it_is_left_alone(alice: User) -> None:
    ask_to_load(caller=alice.caller(), now=NOW)
    DemoRun.objects.update(taken_until=NOW + timedelta(seconds=30))
    assert work_on_demo(now=NOW) is None


@pytest.mark.parametrize("is_former", [False, True])
def test_it_is_never_mixed_into_a_project_of_ones_own(alice: User, is_former: bool) -> None:
    own = Project.objects.create(name="mine" if is_former else "demo support")
    if is_former:
        FormerProjectName.objects.create(name="demo support", project=own)

    with pytest.raises(Conflict, match="is or was called"):
        ask_to_load(caller=alice.caller(), now=NOW)
    own.refresh_from_db()
    assert not own.is_demo
    assert not DemoRun.objects.exists()


def test_an_error_is_kept_for_the_page_and_raised(alice: User, monkeypatch: pytest.MonkeyPatch) -> None:
    ask_to_load(caller=alice.caller(), now=NOW)
    monkeypatch.setattr(working, "record_usage", lambda *a, **k: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        work_on_demo(now=NOW)
    state = demo_state(NOW, alice.caller())
    assert (state.is_busy, state.error) == (False, "ZeroDivisionError: division by zero")


def test_what_is_asked_is_in_the_audit_log(alice: User) -> None:
    loaded(alice)
    removed(alice)
    entries = AuditEntry.objects.filter(action__startswith="demo.").order_by("id")
    assert [(entry.action, entry.actor) for entry in entries] == [
        ("demo.load", alice.email),
        ("demo.remove", alice.email),
    ]


def test_the_demo_projects_are_made_once_and_marked() -> None:
    assert ensure_demo_projects() == ensure_demo_projects()
    assert set(Project.objects.values_list("name", "is_demo")) == {("demo support", True), ("demo engineering", True)}


# The pages.


def test_an_admin_loads_and_removes_it_with_one_click_each(bob: User, signed_in: SignIn) -> None:
    browser = signed_in(bob)
    assert "Load demo data" in browser.get("/").content.decode()

    answer = browser.post("/demo/load")
    assert (answer.status_code, answer["Location"]) == (303, "/")
    waiting = browser.get("/").content.decode()
    assert "Loading demo data: 0 %." in waiting
    assert 'hx-get="/demo"' in waiting

    work_on_demo(now=NOW)
    page = browser.get("/").content.decode()
    assert "Demo data is loaded and left out of every total." in page
    assert 'action="/demo/remove"' in browser.get("/?demo=1").content.decode()

    browser.post("/demo/remove")
    assert "Removing demo data: 0 %." in browser.get("/demo").content.decode()
    work_on_demo(now=NOW)
    assert "Load demo data" in browser.get("/").content.decode()


def test_a_second_click_is_told_that_it_is_under_way(bob: User, signed_in: SignIn) -> None:
    browser = signed_in(bob)
    browser.post("/demo/load")
    assert "is being loaded or removed just now" in browser.post("/demo/load", follow=True).content.decode()


def test_a_worker_that_does_not_begin_is_named(bob: User, signed_in: SignIn) -> None:
    browser = signed_in(bob)
    browser.post("/demo/load")
    with time_machine.travel(NOW + timedelta(seconds=30), tick=False):
        assert "Are the worker and beat running?" in browser.get("/demo").content.decode()


def test_an_analyst_sees_it_but_has_no_button(ann: User, alice: User, signed_in: SignIn) -> None:
    loaded(alice)
    page = signed_in(ann).get("/").content.decode()
    assert "Demo data is loaded" in page
    assert "/demo/remove" not in page
    assert signed_in(ann).post("/demo/remove").status_code == 403


def test_an_admin_limited_to_projects_cannot(support: Project, signed_in: SignIn) -> None:
    limited = make_person("dora@example.org", "admin", support)  # type: ignore[arg-type]
    browser = signed_in(limited)
    assert browser.post("/demo/load").status_code == 403
    assert "Load demo data" not in browser.get("/").content.decode()
    assert demo_state(NOW, limited.caller()) == DemoState(exists=False, may_change=False)
