"""The plugin's settings, checked once: what cannot be understood becomes the default."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any


@dataclass(frozen=True)
class Options:
    """Names as in default_config.yaml, which says what each means."""

    base_url: str = ""
    api_key: str = ""
    project: str = ""
    agent: str = "agent-zero"
    route: bool = True
    route_utility: bool = True
    send_message: bool = True
    decision_seconds: float = 0.3
    hold_seconds: int = 900
    compress: bool = False
    compress_seconds: float = 1.0
    drain_chunks: int = 4
    drain_seconds: float = 2.0
    usage_seconds: float = 3.0
    attempts: int = 3
    attempt_pause_seconds: float = 1.5
    keys: Mapping[str, str] = field(default_factory=dict)
    spool: str = ""

    @property
    def is_on(self) -> bool:
        """Whether there is a Bursar to speak to."""
        return bool(self.base_url and self.api_key)


def read_options(config: Mapping[str, Any] | None, environment: Mapping[str, str] = os.environ) -> Options:
    """The settings of a config as Agent Zero stores it; address and key may come from BURSAR_URL and BURSAR_KEY."""
    values: dict[str, Any] = {}
    for one in fields(Options):
        found = (config or {}).get(one.name)
        if found is not None and found != "":
            values[one.name] = found
    values.setdefault("base_url", environment.get("BURSAR_URL", ""))
    values.setdefault("api_key", environment.get("BURSAR_KEY", ""))
    return Options(**{name: value for name, value in ((n, _as(n, v)) for n, v in values.items()) if value is not None})


def _as(name: str, value: Any) -> Any:
    """The value in the type of its default, None when it cannot be one."""
    wanted = Options.__dataclass_fields__[name].default
    try:
        if name == "keys":
            return {str(k): str(v) for k, v in dict(value).items()}
        if isinstance(wanted, bool):
            return value if isinstance(value, bool) else str(value).lower() in ("1", "true", "yes", "on")
        if isinstance(wanted, (int, float)):
            number = type(wanted)(value)
            return number if number >= 0 else None
        return str(value).strip().rstrip("/") if name == "base_url" else str(value).strip()
    except (TypeError, ValueError):
        return None
