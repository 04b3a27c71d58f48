"""docs/operating.md has every environment variable, with the default that the code has."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from tests.house import ROOT

ROW = re.compile(r"^\| `([A-Z][A-Z0-9_]*)` \| ([^|]*) \| ([^|]*) \| ([^|]+) \|$", re.MULTILINE)
DOCUMENT = ROOT / "docs" / "operating.md"
SOURCES = [*(ROOT / "controlplane").rglob("*.py"), *(ROOT / "apps").rglob("*.py")]
NOT_OURS = {"DJANGO_SETTINGS_MODULE", "PATH", "NO_COLOR"}


def calls_of_environ(path: Path) -> Iterator[tuple[str, str]]:
    """Names and defaults of `env.type("NAME", default=…)`, and names read from `os.environ`."""
    for node in ast.walk(ast.parse(path.read_text())):
        match node:
            case ast.Call(func=ast.Attribute(value=ast.Name(id="env")), args=[ast.Constant(value=str(name))]):
                yield name, next((written(k.value) for k in node.keywords if k.arg == "default"), "")
            case ast.Call(func=ast.Attribute(value=ast.Attribute(attr="environ")), args=[ast.Constant(value=name), *_]):
                yield str(name), ""
            case ast.Subscript(value=ast.Attribute(attr="environ"), slice=ast.Constant(value=name)):
                yield str(name), ""


def written(default: ast.expr) -> str:
    """A default as the table writes it: nothing for an empty one, small letters for yes and no."""
    value = eval(compile(ast.Expression(default), "settings", "eval"), {"__builtins__": {}})
    return str(value).lower() if isinstance(value, bool) else str(value or "")


def variables_in_code() -> dict[str, str]:
    found: dict[str, str] = {}
    for path in SOURCES:
        for name, default in calls_of_environ(path):
            found[name] = found.get(name) or default
    return {name: default for name, default in found.items() if name not in NOT_OURS}


def variables_in_document() -> dict[str, str]:
    rows = ROW.findall(DOCUMENT.read_text())
    names = [name for name, *_ in rows]
    assert len(names) == len(set(names))
    return {name: default.strip().strip("`") for name, default, _, _ in rows}


def test_the_table_lists_every_variable_with_its_default() -> None:
    assert variables_in_document() == variables_in_code()


def test_no_default_contains_a_password() -> None:
    with_password = re.compile(r"://[^/@\s]*:[^/@\s]+@")

    assert [name for name, default in variables_in_code().items() if with_password.search(default)] == []
    assert {n: d for n, d in variables_in_code().items() if re.search("SECRET|PASSWORD$", n) and d} == {}
