"""Counters for Prometheus: they never fall, and rise by exactly what is added."""

from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st

from apps.costs.domain.counters import REST, Counter, Key, risen

Sums = dict[str, int]


def rows(sums: Sums) -> dict[Key, dict[str, Decimal]]:
    return {(name,): {"calls": Decimal(value)} for name, value in sums.items()}


def shown(counters: dict[Key, dict[str, Counter]]) -> dict[str, int]:
    return {key[0]: int(row["calls"].shown) for key, row in counters.items()}


def test_a_fall_is_remembered_and_what_follows_is_added() -> None:
    before: dict[Key, dict[str, Counter]] = {}
    told = []
    for value in (10, 15, 4, 4, 9):
        before = risen(before, rows({"gpt": value}), most=5)
        told.append(shown(before)["gpt"])
    assert told == [10, 15, 15, 15, 20]


def test_the_busiest_get_the_places_and_keep_them() -> None:
    first = risen({}, rows({"a": 1, "b": 5, "c": 3}), most=2)
    assert shown(first) == {"b": 5, "c": 3, REST: 1}
    later = risen(first, rows({"a": 100, "b": 5, "c": 3, "d": 1}), most=2)
    assert shown(later) == {"b": 5, "c": 3, REST: 101}


def test_who_gets_a_place_later_leaves_the_rest_standing() -> None:
    first = risen({}, rows({"a": 7, "b": 5}), most=1)
    assert shown(first) == {"a": 7, REST: 5}
    assert shown(risen(first, rows({"b": 6}), most=1)) == {"b": 6, REST: 5}


def test_a_group_that_is_called_like_the_rest_belongs_to_it() -> None:
    assert shown(risen({}, rows({REST: 2, "a": 9, "b": 1}), most=1)) == {"a": 9, REST: 3}


def test_a_group_that_is_gone_is_told_no_more() -> None:
    assert shown(risen(risen({}, rows({"old": 4}), most=2), rows({"new": 4}), most=2)) == {"new": 4}


@settings(deadline=None)
@given(st.lists(st.dictionaries(st.sampled_from("abcd"), st.integers(0, 50)), max_size=8), st.integers(1, 4))
def test_no_series_ever_falls_and_there_are_never_more_than_allowed(history: list[Sums], most: int) -> None:
    before: dict[Key, dict[str, Counter]] = {}
    for sums in history:
        after = risen(before, rows(sums), most=most)
        assert all(row["calls"].shown >= before[key]["calls"].shown for key, row in after.items() if key in before)
        assert len(after) <= most + 1
        assert sum(int(row["calls"].found) for row in after.values()) == sum(sums.values())
        before = after
