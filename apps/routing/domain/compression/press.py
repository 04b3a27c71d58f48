"""One compression under way: the texts as they are by now, what they take, and what the steps share."""

from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from typing import Any, NamedTuple

from .mentions import Mentions
from .messages import Compressed, Dropped, Message, Reason

Count = Callable[[str], int]
MIN_RESULT = 60
"""Characters: a shorter result of a tool is left alone."""


class Note(NamedTuple):
    """A line in the place of a result: why, and what is left of it."""

    why: str
    names: tuple[str, ...]


class Press:
    """The state of one compression."""

    def __init__(
        self, messages: Sequence[Message], target: int, keep_recent: int, count: Count, query: str, sizes: Sequence[int]
    ) -> None:
        self.messages, self.target, self.count = messages, target, count
        self.query = query or next((one.text for one in reversed(messages) if one.role == "user"), "")
        newest = len(messages) - keep_recent
        self.old = [place for place, one in enumerate(messages) if place < newest and not one.is_kept]
        self.texts = [one.text for one in messages]
        self.sizes = list(sizes) or [count(f"{one.text}{one.calls}") for one in messages]
        self.tokens = sum(self.sizes)
        self.values: dict[int, Any] = {}
        """The narrow values of results in JSON, while they stand as such."""
        self.notes: dict[int, Note] = {}
        """The lines that stand in the places of results."""
        self.referred: set[int] = set()
        """Messages that others refer to: what they tell is told nowhere else any more."""
        self.result = Compressed(self.texts, self.sizes)

    @cached_property
    def mentions(self) -> Mentions:
        """Who named what, in the messages as they came."""
        return Mentions(self.messages)

    @property
    def is_done(self) -> bool:
        """Whether the target is met."""
        return self.tokens <= self.target

    def old_results(self) -> Iterator[int]:
        """The places of old results of tools that are long enough, oldest first, until the target is met."""
        for place in self.old:
            if self.is_done:
                return
            if self.messages[place].role == "tool" and len(self.texts[place]) >= MIN_RESULT:
                yield place

    def old_prompts(self) -> Iterator[int]:
        """The places of system prompts before the newest messages, until the target is met."""
        for place in self.old:
            if self.is_done:
                return
            if self.messages[place].role in ("system", "developer"):
                yield place

    def asked(self, place: int) -> str:
        """The call that a tool's message answers, where it stands right before it; else nothing."""
        before = self.messages[place - 1] if place else None
        return before.calls if before and self.messages[place].role == "tool" else ""

    def said_since(self, place: int) -> Callable[[str], bool]:
        """Whether a value was named after a place, or by people at any time."""
        return lambda value: self.mentions.since(value, place)

    def set_aside(self, places: Sequence[int]) -> None:
        """Let no later step touch these messages: a summary stands whole or not at all."""
        self.old = [place for place in self.old if place not in places]

    def replace(self, place: int, text: str, reason: Reason, names: Sequence[str] = ()) -> bool:
        """Put a text in the place of a message's, if it is shorter."""
        if text == self.texts[place]:
            return False
        size = self.count(f"{text}{self.messages[place].calls}")
        saved = self.sizes[place] - size
        if saved <= 0:
            return False
        self.put(place, text, size, reason, names)
        return True

    def put(self, place: int, text: str, size: int, reason: Reason, names: Sequence[str] = ()) -> None:
        """Put a text of a known size in the place of a message's, also a longer one."""
        saved = self.sizes[place] - size
        self.texts[place], self.sizes[place] = text, size
        self.tokens -= saved
        self.result.dropped.append(Dropped(place, reason, saved, tuple(names)))
