"""Models their providers have switched off, by what the providers announced. A price may still be listed for them."""

import re

from apps.costs.domain.providers import canonical_provider

# Pattern of the name without the maker's prefix: the day on which calls stopped being answered.
_RETIRED: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"claude-3-opus(-20240229|-latest)?\Z"), "2026-01-05"),
    (re.compile(r"claude-3-sonnet(-20240229)?\Z"), "2025-07-21"),
    (re.compile(r"claude-3[.-]5-sonnet(-20240620|-20241022|-latest)?\Z"), "2025-10-28"),
    (re.compile(r"claude-(2|2[.]0|2[.]1|instant-1(\.\d)?)\Z"), "2025-07-21"),
)
_MAKERS = frozenset({"anthropic", "openrouter"})


def retirement_of(provider: str, name: str) -> str | None:
    """The day a model was retired, as an ISO date; None when it is not known to be."""
    if canonical_provider(provider) not in _MAKERS:
        return None
    bare = name.strip().lower().rpartition("/")[2]
    return next((day for pattern, day in _RETIRED if pattern.match(bare)), None)
