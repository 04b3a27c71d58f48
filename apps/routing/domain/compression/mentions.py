"""Who named what, and when: which words people, the agent and its calls used, and where they did so last."""

import re
from collections.abc import Sequence

from .messages import Message

_WHOLE = re.compile(r"[^\W_]+(?:[-_.@:/+'’][^\W_]+)*")
_PART = re.compile(r"[^\W\d_]+|\d+")


class Mentions:
    """The words said in a conversation, by where they were said last. Results of tools say nothing here."""

    def __init__(self, messages: Sequence[Message]) -> None:
        self._last: dict[str, int] = {}
        self._by_people: set[str] = set()
        for place, one in enumerate(messages):
            text = f"{one.calls}\n{one.text}" if one.role in ("user", "assistant") else one.calls
            if not text:
                continue
            lowered = text.lower()
            said = {*_WHOLE.findall(lowered), *_PART.findall(lowered)}
            self._last.update(dict.fromkeys(said, place))
            if one.role == "user":
                self._by_people |= said

    def since(self, value: str, place: int) -> bool:
        """Whether a value was named after a place, or by people at any time: whole, or all of its words."""
        lowered = value.lower()
        if self._is_said(lowered, place):
            return True
        parts = _WHOLE.findall(lowered)
        return 0 < len(parts) <= MOST_WORDS and all(self._is_said(part, place) for part in parts)

    def after(self, word: str, place: int) -> bool:
        """Whether a word, in lower case, was said after a place."""
        return self._last.get(word, -1) > place

    def by_people(self, word: str) -> bool:
        """Whether a user ever said a word, in lower case."""
        return word in self._by_people

    def _is_said(self, word: str, place: int) -> bool:
        return self._last.get(word, -1) > place or word in self._by_people


MOST_WORDS = 6
"""A longer text is prose: that all of its words were said somewhere means nothing."""
