"""What differs between two policy documents, line by line, in words a person reads."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Difference:
    """One value that differs. None: not there."""

    path: str
    before: Any
    after: Any


def differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[Difference]:
    """Every value that differs, by its path. Tiers are compared by name, models by provider and name."""
    old, new = dict(_flat(before, "")), dict(_flat(after, ""))
    paths = list(dict.fromkeys([*old, *new]))
    return [Difference(path, old.get(path), new.get(path)) for path in paths if old.get(path) != new.get(path)]


def _flat(value: Any, path: str) -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping) and value:
        for name, item in value.items():
            yield from _flat(item, f"{path}.{name}".lstrip("."))
    elif isinstance(value, (list, tuple)) and value and isinstance(value[0], Mapping):
        named = [_named(item, number) for number, item in enumerate(value)]
        yield f"{path} (order)", ", ".join(named)
        for name, item in zip(named, value, strict=True):
            yield from _flat(_without_name(item), f"{path}.{name}")
    elif path or value:
        yield path, list(value) if isinstance(value, tuple) else value


def _named(item: Mapping[str, Any], number: int) -> str:
    name = str(item.get("name", f"number {number + 1}"))
    return f"{item['provider']}/{name}" if "provider" in item else name


def _without_name(item: Mapping[str, Any]) -> dict[str, Any]:
    rest = {name: value for name, value in item.items() if name not in ("name", "provider")}
    return rest or {"": "is there"}
