"""P7 with real workers: kill -9 at any moment of a preview, an application and a reversal. Nothing is done twice."""

import os
import random
import signal
import subprocess
import sys
import time
from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import connection
from django.db.models import Sum
from django.utils import timezone

from apps.costs.models import LineState, RerateRun, RerateState, UsageRecord
from apps.costs.services import rerating
from apps.costs.services.rerating import Filter
from controlplane.launch.places import BASE_DIR
from tests.costs.factories import NOW, any_usages, record
from tests.costs.rerating.steps import ADMIN, billed, disagreements, set_price, whole_days
from tests.proofs.truth import differences

pytestmark = [pytest.mark.chaos, pytest.mark.prove, pytest.mark.django_db(transaction=True)]
WORKER = """
import django
django.setup()
from apps.costs.services.rerating import work_on_rerates
print("ready", flush=True)
while work_on_rerates(seconds=30):
    pass
"""
DAYS = whole_days(NOW, 5)


def killed_worker(dice: random.Random) -> None:
    """A worker that lives for up to half a second, unless it is done before."""
    settings = connection.settings_dict
    url = f"postgresql://{settings['USER']}@{settings['HOST']}:{settings['PORT'] or 5432}/{settings['NAME']}"
    if settings["HOST"].startswith("/"):
        url = f"postgresql://{settings['USER']}@/{settings['NAME']}?host={settings['HOST']}"
    environment = os.environ | {"DATABASE_URL": url, "BURSAR_RERATE_BATCH": "7"}
    environment |= {"DJANGO_SETTINGS_MODULE": "tests.settings"}
    worker = subprocess.Popen([sys.executable, "-c", WORKER], cwd=BASE_DIR, env=environment, stdout=subprocess.PIPE)
    assert worker.stdout is not None
    assert worker.stdout.readline() == b"ready\n"
    time.sleep(dice.random() / 2)
    worker.send_signal(signal.SIGKILL)
    worker.wait(timeout=30)
    worker.stdout.close()
    # Nobody waits here until the lease of the dead one runs out.
    RerateRun.objects.update(taken_until=timezone.now() - timedelta(seconds=1))


def spent() -> Decimal:
    return UsageRecord.objects.aggregate(sum=Sum("cost_usd"))["sum"] or Decimal(0)


def assert_nothing_is_half_done(run: RerateRun, at_first: Decimal) -> None:
    run.refresh_from_db()
    assert disagreements(*DAYS) == []
    with connection.cursor() as cursor:
        assert differences(cursor) == []
    lines = run.lines.filter(state__in=[LineState.APPLIED, LineState.REVERSED])
    assert lines.count() == run.applied
    assert run.lines.filter(state=LineState.REVERSED).count() == run.reversed
    total = run.steps.aggregate(sum=Sum("difference_usd"))["sum"] or Decimal(0)
    assert spent() == at_first + total


def test_killed_workers_leave_nothing_half_done_and_do_nothing_twice() -> None:
    dice, kills = random.Random(3), 0
    record(*any_usages(dice, 1500, DAYS[0], NOW))
    before, at_first = billed(), spent()
    set_price("gpt-4.1", "2", "8")
    set_price("gpt-4.1-mini", "0.000000001", "3")
    run = rerating.ask(caller=ADMIN, wanted=Filter(include_reported=True))
    for wanted in (RerateState.PREVIEWED, RerateState.APPLIED, RerateState.REVERSED):
        while run.state != wanted:
            killed_worker(dice)
            kills += 1
            assert_nothing_is_half_done(run, at_first)
        if wanted == RerateState.PREVIEWED:
            rerating.approve(caller=ADMIN, run_id=run.pk)
        if wanted == RerateState.APPLIED:
            assert run.applied == run.changed > 100
            rerating.ask_to_reverse(caller=ADMIN, run_id=run.pk)
    assert billed() == before
    print(f"{kills} kills, {run.steps.count()} batches of records, {run.applied} records changed and put back")
    assert kills >= 6
