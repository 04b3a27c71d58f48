"""Tight tables for the small functions of access."""

import csv
import gzip
import io
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rest_framework.exceptions import ValidationError

from apps.access.api import fields
from apps.access.domain import tokens
from apps.access.domain.addresses import client_address, neighbourhood, parse_networks
from apps.access.domain.csv_cells import cell, text_of
from apps.access.domain.identity import Caller, Role, Scope
from apps.access.domain.inflate import BadGzip, TooLarge, inflate
from apps.costs.domain.money_format import format_money
from controlplane.rendering import to_json

PROXIES = parse_networks(["10.0.0.0/8", "fd00::/8"])


@pytest.mark.parametrize(
    ("remote", "forwarded", "seen"),
    [
        ("192.0.2.1", "", "192.0.2.1"),
        ("192.0.2.1", "203.0.113.9", "192.0.2.1"),
        ("10.0.0.1", "203.0.113.9", "203.0.113.9"),
        ("10.0.0.1", "6.6.6.6, 203.0.113.9, 10.0.0.2", "203.0.113.9"),
        ("10.0.0.1", "", "10.0.0.1"),
        ("10.0.0.1", "nonsense", "10.0.0.1"),
        ("fd00::1", "2001:db8::1", "2001:db8::1"),
        ("::ffff:192.0.2.1", "", "192.0.2.1"),
        ("", "203.0.113.9", None),
    ],
)
def test_the_clients_address(remote: str, forwarded: str, seen: str | None) -> None:
    assert client_address(remote, forwarded, PROXIES) == seen


@pytest.mark.parametrize(
    ("address", "network"),
    [("192.0.2.77", "192.0.2.0"), ("2001:db8:1:2:3::4", "2001:db8:1:2::"), (None, ""), ("x", "")],
)
def test_neighbourhoods(address: str | None, network: str) -> None:
    assert neighbourhood(address) == network


@pytest.mark.parametrize(
    ("role", "other", "included"),
    [
        (Role.OWNER, Role.OWNER, True),
        (Role.OWNER, Role.ANALYST, True),
        (Role.ADMIN, Role.OWNER, False),
        (Role.ANALYST, Role.ADMIN, False),
        (Role.ADMIN, Role.ANALYST, True),
    ],
)
def test_roles_include_lower_ones(role: Role, other: Role, included: bool) -> None:
    assert role.includes(other) is included


def caller(**values: Any) -> Caller:
    given: dict[str, Any] = {"kind": "key", "actor": "k", "key_id": 1, "user_id": None, "role": None}
    return Caller(**(given | {"project_ids": None, "scopes": frozenset({Scope.USAGE_WRITE})} | values))


def test_a_bound_caller() -> None:
    bound = caller(project_ids=frozenset({3}), agent_name="bot")
    assert [bound.sees_project(number) for number in (3, 4)] == [True, False]
    names = ("bot", "bot/sub", "bot/", "botany", "other", "")
    assert [bound.may_report_as(name) for name in names] == [True, True, True, False, False, False]


def test_a_free_caller() -> None:
    assert caller().sees_project(4)
    assert caller().may_report_as("anyone")
    assert not caller().has_role(Role.ANALYST)


@pytest.mark.parametrize(
    ("amount", "text"),
    [
        ("0", "0.00"),
        ("-0", "0.00"),
        ("5", "5.00"),
        ("0.5", "0.50"),
        ("1E-7", "0.0000001"),
        ("1.10000", "1.10"),
        ("1E+3", "1000.00"),
        ("123456789012.123456789012345", "123456789012.123456789012345"),
        ("-2.345", "-2.345"),
    ],
)
def test_money_out(amount: str, text: str) -> None:
    assert format_money(Decimal(amount)) == text


@given(st.decimals(allow_nan=False, allow_infinity=False, places=15, min_value=-(10**12), max_value=10**12))
def test_money_out_loses_nothing(amount: Decimal) -> None:
    text = format_money(amount)
    assert Decimal(text) == amount
    assert "E" not in text


@pytest.mark.parametrize("amount", ["NaN", "Infinity", "-Infinity", "sNaN"])
def test_what_is_not_money(amount: str) -> None:
    with pytest.raises(ValueError):
        format_money(Decimal(amount))


def test_json_out() -> None:
    moment = datetime(2026, 3, 1, 12, tzinfo=timezone(timedelta(hours=2)))
    answer = {"usd": Decimal("1E-7"), "at": moment, "scopes": {Scope.ADMIN}, "n": 1, "none": None, 3: True}
    expected = b'{"usd":"0.0000001","at":"2026-03-01T10:00:00Z","scopes":["admin"],"n":1,"none":null,"3":true}'
    assert to_json(answer) == expected


@pytest.mark.parametrize("value", [datetime(2026, 3, 1), object(), b"bytes"])  # noqa: DTZ001
def test_json_has_no_meaning_for_these(value: Any) -> None:
    with pytest.raises(TypeError):
        to_json({"x": value})


def test_inflating_stops_at_the_limit() -> None:
    assert inflate(gzip.compress(b"x" * 10), max_bytes=10) == b"x" * 10
    with pytest.raises(TooLarge):
        inflate(gzip.compress(b"x" * 11), max_bytes=10)


@pytest.mark.parametrize("body", [b"", b"x", gzip.compress(b"x", mtime=0)[:-1], gzip.compress(b"x", mtime=0) * 2])
def test_what_is_not_one_whole_gzip(body: bytes) -> None:
    with pytest.raises(BadGzip):
        inflate(body, max_bytes=10)


@given(st.text())
def test_cells_are_no_formulas_and_come_back(text: str) -> None:
    line = io.StringIO()
    csv.writer(line).writerow([cell(text)])
    [[back]] = list(csv.reader(io.StringIO(line.getvalue(), newline=""))) or [[""]]
    assert not back.startswith(("=", "+", "-", "@", "\t", "\r", "\n"))
    assert text_of(back) == text.replace("\0", "")


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, ""),
        (-3, "-3"),
        (Decimal("-0.0000001"), "-0.0000001"),
        (True, "true"),
        (datetime(2026, 3, 1, tzinfo=UTC), "2026-03-01T00:00:00Z"),
    ],
)
def test_cells_of_numbers_stay_numbers(value: Any, text: str) -> None:
    assert cell(value) == text


def test_one_time_secrets() -> None:
    assert len({tokens.make_token() for _ in range(50)}) == 50
    password = tokens.make_password()
    assert len(password) == 20
    assert not set(password) & set("0O1lI")


def test_fields_take_what_they_say_alone() -> None:
    table: list[tuple[Any, list[Any], list[Any]]] = [
        (fields.DecimalText(r"^\d{1,3}$"), ["0", "123"], ["\u0663", 5, 0.5, None, True, ["1"], "1234"]),
        (
            fields.MoneyField(),
            ["0", "1.5", "9" * 12 + "." + "9" * 15],
            ["1e3", "-1", "1.", ".5", "\u0663", 1, "9" * 13],
        ),
        (fields.Text(max_length=3), ["a", "\u0663"], [5, True, None, ["a"], "abcd"]),
        (fields.Whole(min_value=0), [0, 7], ["7", 7.0, True, -1, None]),
    ]
    for field, taken, refused in table:
        assert [field.run_validation(value) for value in taken] == taken
        for value in refused:
            with pytest.raises(ValidationError):
                field.run_validation(value)
