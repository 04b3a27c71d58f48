"""Whom a budget tells, as it is written down: roles, mail addresses and channels, each a text."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

CHANNEL = "channel:"


@dataclass(frozen=True, slots=True)
class Recipients:
    """Roles by name, mail addresses in small letters, names of channels."""

    roles: frozenset[str] = frozenset()
    addresses: frozenset[str] = frozenset()
    channels: frozenset[str] = frozenset()

    def __bool__(self) -> bool:
        return bool(self.roles or self.addresses or self.channels)

    @property
    def texts(self) -> list[str]:
        """As it is written down: roles, then addresses, then channels."""
        channels = [CHANNEL + name for name in sorted(self.channels)]
        return [*sorted(self.roles), *sorted(self.addresses), *channels]


def read_recipients(texts: Iterable[str], *, roles: Sequence[str]) -> Recipients:
    """`admin`, `ada@example.org`, `channel:Ops`. Raises ValueError naming what is none of these."""
    found: dict[str, set[str]] = {"roles": set(), "addresses": set(), "channels": set()}
    for text in texts:
        word = text.strip()
        if word.startswith(CHANNEL) and len(word) > len(CHANNEL):
            found["channels"].add(word.removeprefix(CHANNEL).strip())
        elif "@" in word:
            found["addresses"].add(word.lower())
        elif word.lower() in roles:
            found["roles"].add(word.lower())
        else:
            raise ValueError(f"{text!r} is neither a role ({', '.join(roles)}), a mail address, nor channel:NAME.")
    return Recipients(*(frozenset(found[name]) for name in ("roles", "addresses", "channels")))
