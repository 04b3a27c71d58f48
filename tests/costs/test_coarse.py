"""Conversations are listed in the exact order though their indexes know only classes and hours, and change in place."""

import random
from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import connection

from apps.costs.domain.coarse import COST_EDGES, class_of, hour_of
from apps.costs.selectors.conversations.listing import Order, Place, conversation_page
from apps.costs.selectors.metrics.shapes import UsageQuery
from tests.costs.factories import NOW, make_usage, record

pytestmark = pytest.mark.django_db
STEP = Decimal("1e-15")


def test_classes_and_hours_rise_with_what_they_stand_for() -> None:
    edges = [Decimal(edge) for edge in COST_EDGES.split(",")]
    amounts = sorted({Decimal(0), *edges, *(edge - STEP for edge in edges), *(edge + STEP for edge in edges)})
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {class_of('usd')} FROM unnest(%s::numeric[]) usd", [amounts])
        classes = [row[0] for row in cursor.fetchall()]
        assert classes == sorted(classes)
        assert set(classes) == set(range(len(edges) + 1))
        cursor.execute("SET LOCAL TimeZone = 'Asia/Kathmandu'")
        cursor.execute(f"SELECT {hour_of('%s::timestamptz')} = %s", [NOW, NOW.replace(minute=0)])
        assert cursor.fetchone() == (True,)


@pytest.mark.parametrize("order", list(Order))
def test_pages_are_in_the_exact_order(order: Order) -> None:
    dice = random.Random(5)
    costs = ["0", "0.0000015", "0.003", "0.003", "0.0031", "7.5", "7.5", "1200000"]
    record(
        *(
            make_usage(
                NOW - timedelta(minutes=dice.randrange(600)), cost_usd=dice.choice(costs), conversation_id=f"c{talk}"
            )
            for talk in range(40)
        )
    )
    query, found, after = UsageQuery(NOW - timedelta(days=1), NOW), [], None
    while True:
        page = conversation_page(query, limit=7, order=order, after=after)
        found += page.conversations
        if not page.has_more:
            break
        last = found[-1]
        after = Place(last.cost_usd if order is Order.COST else last.last_at, last.id, last.project_id)
    exact = {
        Order.COST: lambda one: (-one.cost_usd, one.id, one.project_id),
        Order.NEWEST: lambda one: (-one.last_at.timestamp(), one.id, one.project_id),
    }
    assert len(found) == 40
    assert found == sorted(found, key=exact[order])


def test_a_call_that_changes_neither_class_nor_hour_touches_no_index() -> None:
    in_place = "SELECT pg_stat_get_xact_tuples_hot_updated('costs_conversationtotal'::regclass)"
    moments = [NOW.replace(minute=minute) for minute in (1, 2, 3)]
    record(make_usage(moments[0], cost_usd="0.0021", conversation_id="c"))
    with connection.cursor() as cursor:
        cursor.execute(in_place)
        before = cursor.fetchone()[0]
        record(make_usage(moments[1], cost_usd="0.0021", conversation_id="c"))
        cursor.execute(in_place)
        assert cursor.fetchone() == (before + 1,)
        record(make_usage(moments[2], cost_usd="0.0021", conversation_id="c"))
        cursor.execute(in_place)
        assert cursor.fetchone() == (before + 1,), "the class of 0.0063 begins at 0.005"
