"""The data module of a newer genai-prices package, read as a literal: its text is parsed, never run."""

import ast
import datetime
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from genai_prices import types as genai

_MODULE: Mapping[str, Callable[..., Any]] = {"date": datetime.date, "time": datetime.time}
_MAKERS: Mapping[str, Callable[..., Any]] = {
    name: made for name in genai.__all__ if isinstance(made := getattr(genai, name, None), type)
} | {"Decimal": Decimal}


class SourceError(ValueError):
    """A module that says something this version of Bursar does not read."""


def read_providers(source: bytes) -> list[genai.Provider]:
    """The `providers` of a data module. Raises SourceError when it is more than a literal, or has unknown fields."""
    try:
        module = ast.parse(source)
        for statement in module.body:
            if isinstance(statement, ast.AnnAssign) and _name(statement.target) == "providers" and statement.value:
                providers = _value(statement.value)
                break
        else:
            raise SourceError("it names no providers")
    except (SyntaxError, TypeError, ArithmeticError) as error:
        raise SourceError(f"it has a shape this version does not read: {error}") from error
    if not isinstance(providers, list) or not all(isinstance(one, genai.Provider) for one in providers):
        raise SourceError("its providers are no list of providers")
    return providers


def _value(node: ast.expr) -> Any:
    match node:
        case ast.Constant(value=value):
            return value
        case ast.List(elts=items) | ast.Tuple(elts=items):
            return [_value(item) for item in items]
        case ast.Dict(keys=keys, values=values):
            return {_value(key): _value(value) for key, value in zip(keys, values, strict=True) if key is not None}
        case ast.Call(func=func, args=args, keywords=keywords):
            named = {keyword.arg: _value(keyword.value) for keyword in keywords if keyword.arg is not None}
            return _maker(func)(*[_value(argument) for argument in args], **named)
        case ast.Attribute() if ast.unparse(node) in ("datetime.UTC", "datetime.timezone.utc"):
            return datetime.UTC
    raise SourceError(f"it has more than a literal in line {node.lineno}: {ast.unparse(node)[:80]}")


def _maker(func: ast.expr) -> Callable[..., Any]:
    match func:
        case ast.Name(id=name) if name in _MAKERS:
            return _MAKERS[name]
        case ast.Attribute(value=ast.Name(id="datetime"), attr=name) if name in _MODULE:
            return _MODULE[name]
    raise SourceError(f"it makes something unknown in line {func.lineno}: {ast.unparse(func)[:80]}")


def _name(target: ast.expr) -> str | None:
    return target.id if isinstance(target, ast.Name) else None
