"""Compression in steps, from what loses nothing to what was never referred to again, until the target is met."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from . import tables
from .atoms import all_atoms, atoms, id_like, ordinary_starts, singular, telling, words
from .relevance import relevance
from .rows import without_rows
from .texts import tidy, units, without_repeats

Estimate = Callable[[str], int]
MIN_RESULT = 60
"""Characters: a shorter result of a tool is left alone."""


class Reason(StrEnum):
    """Why something was taken out, as the API tells it."""

    DUPLICATE = "duplicate"
    WHITE_SPACE = "white_space"
    NARROW_JSON = "narrow_json"
    REPEATED_LINES = "repeated_lines"
    RESTATED = "restated"
    SUPERSEDED = "superseded"
    UNMENTIONED_ROWS = "unmentioned_rows"
    UNMENTIONED_RESULT = "unmentioned_result"


@dataclass(frozen=True, slots=True)
class Message:
    """One message: its role, its text, and what its calls of tools say, which is never changed."""

    role: str
    text: str
    calls: str = ""
    is_kept: bool = False


@dataclass(frozen=True, slots=True)
class Dropped:
    """What one step took from one message; tokens as estimated."""

    index: int
    reason: Reason
    tokens: int


@dataclass
class Compressed:
    """The texts in the order of the messages, what was taken out, and the first message that differs (None: none)."""

    texts: list[str]
    dropped: list[Dropped] = field(default_factory=list)
    first_changed: int | None = None


def compress(
    messages: Sequence[Message], *, target: int, keep_recent: int, estimate: Estimate, query: str = ""
) -> Compressed:
    """Take out until about `target` tokens are left, or nothing more may go.

    The newest `keep_recent` messages and those marked stay. System prompts lose white space and repeated lines only.
    `estimate` counts tokens well enough; the caller counts exactly what came out. `query` is what matters now, by
    default the newest message of a user.
    """
    return _Press(messages, target, keep_recent, estimate, query).run()


class _Press:
    """One compression under way."""

    def __init__(
        self, messages: Sequence[Message], target: int, keep_recent: int, estimate: Estimate, query: str
    ) -> None:
        self.messages, self.target, self.estimate = messages, target, estimate
        self.query = query or next((one.text for one in reversed(messages) if one.role == "user"), "")
        newest = len(messages) - keep_recent
        self.old = [place for place, one in enumerate(messages) if place < newest and not one.is_kept]
        self.texts = [one.text for one in messages]
        self.tokens = sum(estimate(one.text) + estimate(one.calls) for one in messages)
        self.values: dict[int, Any] = {}
        self.told: list[set[str]] = []
        self.result = Compressed(self.texts)

    def run(self) -> Compressed:
        for step in (
            self.duplicates,
            self.layout,
            self.superseded,
            self.restated,
            self.unmentioned_rows,
            self.unmentioned_results,
        ):
            if self.tokens <= self.target:
                break
            step()
        changed = [place for place, one in enumerate(self.messages) if self.texts[place] != one.text]
        self.result.first_changed = changed[0] if changed else None
        return self.result

    def replace(self, place: int, text: str, reason: Reason) -> None:
        """Put a shorter text in the place of a message's."""
        saved = self.estimate(self.texts[place]) - self.estimate(text)
        if saved <= 0:
            return
        self.texts[place] = text
        self.tokens -= saved
        self.result.dropped.append(Dropped(place, reason, saved))

    def duplicates(self) -> None:
        """Later results that say the same as an earlier one refer to it: what stands before them stays as it was."""
        first: dict[str, int] = {}
        for place, one in enumerate(self.messages):
            if one.role != "tool" or len(one.text) < MIN_RESULT:
                continue
            before = first.setdefault(one.text, place)
            if before != place and place in self.old:
                self.replace(place, f"(the same as the result in message {before + 1})", Reason.DUPLICATE)

    def layout(self) -> None:
        """What is written wide. Results of tools lose nothing by it, so newer ones are rewritten too, but the last."""
        for place, one in enumerate(self.messages[:-1]):
            text = self.texts[place]
            if one.is_kept or one.role == "user" or len(text) < MIN_RESULT:
                continue
            value = tables.parse(text) if one.role == "tool" else None
            if value is not None:
                self.values[place] = tables.narrow(value)
                self.replace(place, tables.written(self.values[place]), Reason.NARROW_JSON)
            elif place in self.old:
                self.replace(place, tidy(text), Reason.WHITE_SPACE)
                self.replace(place, without_repeats(self.texts[place]), Reason.REPEATED_LINES)

    def restated(self) -> None:
        """Sentences of the agent whose ids, numbers and names all stand elsewhere; the least telling ones first."""
        holders: Counter[str] = Counter()
        for place, one in enumerate(self.messages):
            holders.update(words(f"{self.texts[place]}\n{one.calls}"))
        found: list[tuple[float, int, int, str]] = []
        pieces = {place: list(units(self.texts[place])) for place in self.old if self._is_talk(place)}
        for place, parts in pieces.items():
            found += [
                (relevance(unit, self.query), place, number, unit)
                for number, (unit, may_go) in enumerate(parts)
                if may_go and unit.strip()
            ]
        gone: dict[int, set[int]] = {}
        own: dict[int, Counter[str]] = {}
        left = self.tokens
        for _, place, number, unit in sorted(found):
            if left <= self.target:
                break
            told = atoms(unit) - ordinary_starts(unit)
            if all(holders[atom] > 1 or holders[singular(atom)] > 1 for atom in told):
                gone.setdefault(place, set()).add(number)
                left -= self.estimate(unit)
                if place not in own:
                    own[place] = Counter(word for part, _ in pieces[place] for word in words(part))
                said = words(unit)
                own[place].subtract(said)
                holders.subtract(word for word in said if not own[place][word])
        for place, taken in sorted(gone.items()):
            kept = "".join(unit for number, (unit, _) in enumerate(pieces[place]) if number not in taken).strip()
            self.replace(place, kept or "(…)", Reason.RESTATED)

    def _is_talk(self, place: int) -> bool:
        return self.messages[place].role == "assistant" and bool(self.texts[place])

    def superseded(self) -> None:
        """Results of a call that was made again later in the same words: the newer one holds."""
        newest = {one.calls: place for place, one in enumerate(self.messages) if one.calls}
        for place in self.old:
            asked = self.asked(place)
            if asked and newest[asked] > place - 1:
                self.stub(place, "an older answer to a call made again later", Reason.SUPERSEDED)

    def unmentioned_rows(self) -> None:
        """Rows of old tables whose ids nobody referred to afterwards; the oldest results first."""
        for place in self.old:
            if self.tokens <= self.target:
                return
            if place in self.values:
                shorter, gone = without_rows(self.values[place], self.mentioned_after(place))
                if gone:
                    self.values[place] = shorter
                    self.replace(place, tables.written(shorter), Reason.UNMENTIONED_ROWS)

    def unmentioned_results(self) -> None:
        """Old results of calls whose ids no user named, and nobody afterwards: the ids and dates in them are left."""
        asked_for = all_atoms(one.text for one in self.messages if one.role == "user")
        for place in self.old:
            if self.tokens <= self.target:
                return
            ids = {word.lower() for word in telling(self.asked(place)) if id_like(word)}
            if ids and not ids & asked_for and not ids & self.mentioned_after(place):
                self.stub(place, "not referred to since", Reason.UNMENTIONED_RESULT)

    def asked(self, place: int) -> str:
        """The call that a tool's message answers, where it stands right before it; else nothing."""
        before = self.messages[place - 1] if place else None
        return before.calls if before and self.messages[place].role == "tool" else ""

    def mentioned_after(self, place: int) -> set[str]:
        """What people and the agent named after a message."""
        if not self.told:
            self.told = [
                all_atoms((one.calls, one.text if one.role in ("user", "assistant") else "")) for one in self.messages
            ]
        return set().union(*self.told[place + 1 :])

    def stub(self, place: int, why: str, reason: Reason) -> None:
        """Leave the ids and dates of a result."""
        text = self.texts[place]
        if len(text) >= MIN_RESULT:
            self.values.pop(place, None)
            self.replace(place, f"({why}; it told of {', '.join(telling(text)) or 'no ids'})", reason)
