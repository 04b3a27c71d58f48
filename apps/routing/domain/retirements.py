"""Models their providers have switched off or announced to, by what the providers publish. Prices may still be listed.

Sources, read on 2026-11-26: docs.anthropic.com (model deprecations), developers.openai.com/api/docs/deprecations and
dated copies of it, ai.google.dev/gemini-api/docs/deprecations; of models on gateways those of their makers. What others
report of these pages, and was not seen there, stands apart and is never told as certain. Clouds that host the same
models (Azure, Bedrock, Vertex AI) keep dates of their own, which are not here.
"""

import re
from dataclasses import dataclass
from functools import lru_cache

from apps.costs.domain.providers import canonical_provider

_Row = tuple[str, re.Pattern[str], str]


@dataclass(frozen=True, slots=True)
class End:
    """A day, as an ISO date, on which a model is switched off: by its maker's page, or only reported by others."""

    day: str
    is_reported: bool = False

    @property
    def told(self) -> str:
        """What people are told."""
        if self.is_reported:
            return f"Reported to be switched off on {self.day}; not seen on its maker's own page."
        return f"Its maker says that it is switched off on {self.day}."


def _row(maker: str, names: str, day: str) -> _Row:
    return maker, re.compile(rf"(?:{names})\Z"), day


# The maker, its names without a prefix, and the day on which calls stopped being answered.
_RETIRED: tuple[_Row, ...] = (
    _row("anthropic", "claude-3-opus(-20240229|-latest)?", "2026-01-05"),
    _row("anthropic", "claude-3-sonnet(-20240229)?", "2025-07-21"),
    _row("anthropic", "claude-3[.-]5-sonnet(-20240620|-20241022|-latest)?", "2025-10-28"),
    _row("anthropic", r"claude-(2|2[.]0|2[.]1|instant-1(\.\d)?)", "2025-07-21"),
    _row("openai", "gpt-4[.]5-preview(-2025-02-27)?", "2025-07-14"),
    _row("openai", "o1-preview(-2024-09-12)?", "2025-07-28"),
    _row("openai", "codex-mini-latest", "2026-01-16"),
    _row("openai", "chatgpt-4o-latest", "2026-02-17"),
    _row("openai", "gpt-5-chat-latest|gpt-5-codex|gpt-5[.]1-(chat-latest|codex(-max|-mini)?)", "2026-07-23"),
    _row("openai", "gpt-5[.]2-codex|computer-use-preview(-2025-03-11)?", "2026-07-23"),
    _row("openai", "o3-deep-research(-2025-06-26)?|o4-mini-deep-research(-2025-06-26)?", "2026-07-23"),
    _row("openai", "gpt-4o(-mini)?-search-preview-2025-03-11", "2026-07-23"),
    _row("openai", "gpt-5[.][23]-chat-latest", "2026-08-10"),
    _row("openai", "gpt-3[.]5-turbo(-0125)?|gpt-4(-0613)?", "2026-10-23"),
    _row("google", "gemini-2[.]5-pro-preview-(03-25|05-06|06-05)", "2025-12-02"),
    _row("google", "gemini-3-pro-preview", "2026-03-09"),
    _row("google", "gemini-3-pro-image-preview|gemini-3[.]1-flash-image-preview", "2026-06-25"),
)
# The day that is announced. It may be moved, so nothing is closed by it: the editor says so.
_ANNOUNCED: tuple[_Row, ...] = (_row("openai", "gpt-5(-mini|-nano)?(-2025-08-07)?", "2026-12-11"),)
# The day, come or to come, that others report. It closes nothing either; what fails is closed by its failures.
_REPORTED: tuple[_Row, ...] = (
    _row("openai", "gpt-4-turbo(-2024-04-09)?|gpt-4-1106-preview|gpt-4o-2024-05-13", "2026-10-23"),
    _row("openai", "o1(-2024-12-17)?|o1-pro(-2025-03-19)?|o3-mini(-2025-01-31)?", "2026-10-23"),
    _row("openai", "o4-mini(-2025-04-16)?|gpt-4[.]1-nano(-2025-04-14)?", "2026-10-23"),
    _row("openai", "gpt-5-pro|o3(-pro)?", "2026-12-11"),
    _row("openai", "gpt-4[.]1(-mini)?(-2025-04-14)?", "2027-01-14"),
    _row("openai", "gpt-4o(-2024-08-06|-2024-11-20)?|gpt-4o-mini(-2024-07-18)?", "2027-01-14"),
    _row("openai", "gpt-5[.]1|gpt-5[.]3-codex|gpt-5[.]4-nano", "2027-04-01"),
    _row("google", "gemini-3[.]1-flash-lite-preview", "2026-05-25"),
    _row("google", "gemini-2[.]5-(pro|flash)", "2026-12-01"),
)
_GATEWAYS = frozenset({"openrouter"})
_CLOUD = re.compile("vertex|gcp", re.IGNORECASE)


@lru_cache(maxsize=4096)
def retirement_of(provider: str, name: str) -> str | None:
    """The day a model was retired, as an ISO date; None when it is not known to be."""
    return _day(_RETIRED, provider, name)


def announced_end(provider: str, name: str) -> End | None:
    """The day on which a model is said to be retired; None when nothing is known."""
    if day := _day(_ANNOUNCED, provider, name):
        return End(day)
    day = _day(_REPORTED, provider, name)
    return End(day, is_reported=True) if day else None


def _day(rows: tuple[_Row, ...], provider: str, name: str) -> str | None:
    seller = canonical_provider(provider)
    if _CLOUD.search(provider):
        return None
    prefix, _, bare = name.strip().lower().rpartition("/")
    maker = canonical_provider(prefix) if seller in _GATEWAYS else seller
    return next((day for by, names, day in rows if by == maker and names.match(bare)), None)
