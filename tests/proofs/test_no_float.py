"""P5: no float ever touches money: the code is read, the tables are asked, the answers of the API looked through."""

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.db import connection

from controlplane.launch.places import BASE_DIR
from tests.cast import HeldKey
from tests.costs.posting import call, load_prices, posted

READ = [
    "apps/*/models/*.py",
    "apps/*/services/**/*.py",
    "apps/*/selectors/**/*.py",
    "apps/*/api/*.py",
    "apps/costs/domain/pricing/*.py",
    "apps/costs/domain/usage.py",
    "apps/costs/domain/rate_book.py",
    "apps/costs/domain/measures.py",
    "apps/costs/domain/money_format.py",
    "apps/costs/extension_points.py",
    "controlplane/rendering.py",
]
# Arguments that are no money whoever takes them.
NOT_MONEY = {"seconds", "deadline"}
# Where a float stands, by file and what it belongs to, and why that is no money.
ALLOWED = {
    ("apps/access/services/audit.py", "_DENIAL_SECONDS"): "seconds of a clock",
    ("apps/access/services/audit.py", "_denials"): "seconds of a clock",
    ("apps/access/services/guessing.py", "_WINDOW_SECONDS"): "seconds of a clock",
    ("apps/access/services/guessing.py", "_failures"): "seconds of a clock",
    ("apps/access/services/guessing.py", "_recent"): "seconds of a clock",
    ("apps/access/services/guessing.py", "seconds_to_wait"): "seconds of a clock",
    ("apps/access/services/places.py", "_TRUSTED_SECONDS"): "seconds of a clock",
    ("apps/access/services/places.py", "_Memory"): "seconds of a clock",
    ("apps/access/services/places.py", "look_again"): "seconds of a clock",
    ("apps/costs/api/conversations.py", "_plain"): "quality, an outcome between 0 and 1",
    ("apps/costs/api/rated_metrics.py", "_percentiles"): "which percentiles of latency",
    ("apps/costs/api/rated_metrics.py", "_share"): "rates, and means of times and tokens",
    ("apps/budgets/services/forecasting.py", "_riskiest"): "a share, computed by the database",
    ("apps/budgets/selectors/standing.py", "_used"): "a share, one Decimal by another",
    ("apps/budgets/selectors/standing.py", "counters_of"): "a share, computed by the database",
    ("apps/costs/domain/usage.py", "Share"): "quality, an outcome between 0 and 1",
    ("apps/costs/domain/usage.py", "_field_error"): "tells a JSON number from a string, to refuse it as money",
    ("apps/costs/models/usage.py", "UsageRecord"): "quality, an outcome between 0 and 1",
    ("apps/costs/selectors/invoices.py", "_remembered"): "seconds of a clock",
    ("apps/costs/selectors/metrics/questions.py", "_SHARES"): "which percentiles of latency",
    ("apps/costs/selectors/metrics/questions.py", "_percentiles"): "milliseconds",
    ("apps/costs/selectors/metrics/questions.py", "_with"): "milliseconds",
    ("apps/costs/selectors/metrics/shapes.py", "Totals"): "milliseconds",
    ("apps/costs/selectors/reporting.py", "_TRUSTED_SECONDS"): "seconds of a clock",
    ("apps/costs/selectors/reporting.py", "_remembered"): "seconds of a clock",
    ("apps/costs/selectors/rerates.py", "_preview_percent"): "the share of a period that is read",
    ("apps/costs/selectors/spend_hours.py", "_remembered"): "seconds of a clock",
    ("apps/costs/services/demo/working.py", "SECONDS"): "seconds of a clock",
    ("apps/costs/services/imports/running.py", "Progress"): "the share of a file that is read",
    ("apps/costs/services/imports/source.py", "Source"): "the share of a file that is read",
    ("apps/costs/services/rerating/working.py", "SECONDS"): "seconds of a clock",
    ("apps/costs/services/retention.py", "Report"): "megabytes",
    ("apps/routing/api/compression_metrics.py", "_ends"): "rates between 0 and 1",
    ("apps/routing/api/compression_metrics.py", "_rounded"): "rates between 0 and 1",
    ("apps/routing/api/replays.py", "ReplayIn"): "edges of complexity, and a quality",
    ("apps/routing/selectors/catalogue.py", "_book_seen_at"): "seconds of a clock",
    ("apps/routing/selectors/compressions.py", "_quality"): "a share of words",
    ("apps/routing/selectors/effects.py", "_P95"): "which percentile of latency",
    ("apps/routing/selectors/examples.py", "example_lines"): "a score of complexity between 0 and 1",
    ("apps/routing/selectors/health.py", "_known"): "seconds of a clock",
    ("apps/routing/selectors/in_force.py", "_Memory"): "seconds of a clock",
    ("apps/routing/selectors/parameter_advice.py", "_remembered"): "seconds of a clock",
    ("controlplane/rendering.py", "_AS_THEY_ARE"): "quality and milliseconds go out as JSON numbers",
}
Place = tuple[str, str]


def floats_of(path: Path) -> Iterator[tuple[Place, int]]:
    """Every float in a file, with its line: the name, a FloatField, a literal, a division of what is no Decimal."""
    file = path.relative_to(BASE_DIR).as_posix()
    for statement in ast.parse(path.read_text()).body:
        for node in _without_seconds(statement):
            if _is_float(node):
                yield (file, _name_of(statement)), getattr(node, "lineno", 0)


def _without_seconds(node: ast.AST) -> Iterator[ast.AST]:
    if isinstance(node, ast.arg) and node.arg in NOT_MONEY:
        return
    yield node
    for child in ast.iter_child_nodes(node):
        yield from _without_seconds(child)


def _is_float(node: ast.AST) -> bool:
    if isinstance(node, ast.Name | ast.Attribute):
        return ast.unparse(node).rpartition(".")[2] in ("float", "FloatField")
    if isinstance(node, ast.Constant):
        return isinstance(node.value, float)
    is_division = isinstance(node, ast.BinOp | ast.AugAssign) and isinstance(node.op, ast.Div)
    return is_division and not _is_path(node) and "Decimal(" not in ast.unparse(node)


def _is_path(division: ast.AST) -> bool:
    """Whether what stands after the slash is text."""
    right = getattr(division, "right", None)
    return isinstance(right, ast.Constant) and isinstance(right.value, str)


def _name_of(statement: ast.stmt) -> str:
    if isinstance(statement, ast.FunctionDef | ast.ClassDef):
        return statement.name
    target = statement.targets[0] if isinstance(statement, ast.Assign) else getattr(statement, "target", None)
    return target.id if isinstance(target, ast.Name) else ""


def test_no_float_in_the_code_that_handles_money() -> None:
    files = {path for pattern in READ for path in BASE_DIR.glob(pattern)}
    assert len(files) > 80
    found = {place: line for path in files for place, line in floats_of(path)}
    assert {place: line for place, line in found.items() if place not in ALLOWED} == {}
    assert ALLOWED.keys() - found.keys() == set(), "no longer needed"


@pytest.mark.parametrize(
    "code",
    [
        "x = 0.5",
        "x: float | None = None",
        "y = float(x)",
        "def f(cost: float): ...",
        "def f(): return a / b",
        "def f(x):\n x /= 3",
        "class A:\n b = models.FloatField()",
        "Usd = Annotated[float, 1]",
    ],
)
def test_the_reader_finds_floats(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: str) -> None:
    monkeypatch.setattr("tests.proofs.test_no_float.BASE_DIR", tmp_path)
    (tmp_path / "code.py").write_text(code)
    assert len(list(floats_of(tmp_path / "code.py"))) == 1


@pytest.mark.parametrize(
    "code", ["x = Decimal(1) / 3", "def f(seconds: float): ...", "x = 5 // 2", "x = FOLDER / 'name'", 'y = "0.5"']
)
def test_the_reader_finds_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: str) -> None:
    monkeypatch.setattr("tests.proofs.test_no_float.BASE_DIR", tmp_path)
    (tmp_path / "code.py").write_text(code)
    assert list(floats_of(tmp_path / "code.py")) == []


@pytest.mark.django_db
def test_every_column_of_money_is_numeric_with_15_decimals_and_rates_have_9() -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT table_name, column_name, data_type, numeric_precision, numeric_scale"
            " FROM information_schema.columns WHERE table_schema = 'public'"
        )
        columns = cursor.fetchall()
    floats = {
        (table.partition("_2")[0], name) for table, name, kind, *_ in columns if kind in ("real", "double precision")
    }
    assert floats == {("costs_usagerecord", "quality")}
    money = {row[2:] for row in columns if row[1].endswith("_usd")}
    assert money == {("numeric", 30, 15), ("numeric", 38, 15)}
    assert {row[2:] for row in columns if "_usd_per_" in row[1]} == {("numeric", 21, 9)}


def test_money_leaves_the_api_as_strings(db: None, admin_key: HeldKey) -> None:
    load_prices()
    told = posted(admin_key, [call(id="x", cost_usd="0.1", quality=0.5), call(id="y"), call(id="z", cache_hit=True)])
    urls = ["/api/usage", "/api/usage/x", "/api/usage/y", "/api/metrics/cost?group_by=model&interval=day"]
    answers = [told, *(admin_key.client.get(url).json() for url in urls)]
    amounts = [pair for answer in answers for pair in _named(answer) if pair[0].endswith("_usd") or "usd" in pair[0]]
    assert len(amounts) > 20
    assert {type(value) for _, value in amounts} <= {str, type(None)}
    assert {name for answer in answers for name, value in _named(answer) if isinstance(value, float)} <= {"quality"}


def _named(value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        for name, item in value.items():
            yield from _named(item) if isinstance(item, dict | list) else [(name, item)]
    elif isinstance(value, list):
        for item in value:
            yield from _named(item)
