"""Names that are likely the same one, written in two ways."""

from collections.abc import Collection
from difflib import SequenceMatcher

_LIKE = 0.85
_MOST_COMPARED = 1_000


def plain(name: str) -> str:
    """A name without what people write now so, now so: case, spaces, dots, dashes, underscores."""
    return "".join(letter for letter in name.casefold() if letter.isalnum() or letter == "/")


def alike(name: str, others: Collection[str]) -> list[str]:
    """Those of other names that are likely this one, the likeliest first: the same but for marks, or a slip away."""
    own = plain(name)
    found: list[tuple[float, str]] = []
    for other in list(others)[:_MOST_COMPARED]:
        its = plain(other)
        if other == name or not own or not its:
            continue
        likeness = 1.0 if own == its else _likeness(own, its)
        if likeness >= _LIKE:
            found.append((-likeness, other))
    return [other for _, other in sorted(found)]


def _likeness(one: str, other: str) -> float:
    """Numbers tell names apart: worker-1 and worker-2 are two."""
    if [letter for letter in one if letter.isdigit()] != [letter for letter in other if letter.isdigit()]:
        return 0.0
    matcher = SequenceMatcher(None, one, other, autojunk=False)
    return matcher.ratio() if matcher.quick_ratio() >= _LIKE else 0.0
