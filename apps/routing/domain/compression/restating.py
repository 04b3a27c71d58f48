"""Sentences of the agent that tell nothing which does not stand elsewhere."""

from collections import Counter
from itertools import chain

from .atoms import Sought, atoms, ordinary_starts, singular
from .messages import Reason
from .press import Press
from .relevance import relevance
from .texts import units


def restated(press: Press) -> None:
    """Take out sentences whose ids, numbers and names all stand elsewhere; what says least of the query first."""
    pieces = {
        place: list(units(press.texts[place]))
        for place in press.old
        if press.messages[place].role == "assistant" and press.texts[place]
    }
    found = sorted(
        (relevance(unit, press.query), place, number, unit)
        for place, parts in pieces.items()
        for number, (unit, may_go) in enumerate(parts)
        if may_go and unit.strip()
    )
    if not found:
        return
    told = [_tells(unit) for *_, unit in found]
    sought = Sought(set().union(*told))
    holders: Counter[str] = Counter()
    for place, one in enumerate(press.messages):
        holders.update(sought.within(f"{press.texts[place]}\n{one.calls}"))
    gone: dict[int, set[int]] = {}
    own: dict[int, Counter[str]] = {}
    parts_say: dict[int, list[set[str]]] = {}
    left = float(press.tokens)
    for (_, place, number, unit), wanted in zip(found, told, strict=True):
        if left <= press.target:
            break
        if all(holders[atom] > 1 for atom in wanted):
            gone.setdefault(place, set()).add(number)
            left -= press.sizes[place] * len(unit) / len(press.texts[place])
            if place not in own:
                parts_say[place] = [sought.within(part) for part, _ in pieces[place]]
                own[place] = Counter(chain.from_iterable(parts_say[place]))
            said = parts_say[place][number]
            own[place].subtract(said)
            holders.subtract(word for word in said if not own[place][word])
    for place, taken in sorted(gone.items()):
        kept = "".join(unit for number, (unit, _) in enumerate(pieces[place]) if number not in taken).strip()
        press.replace(place, kept or "(…)", Reason.RESTATED)


def _tells(unit: str) -> set[str]:
    """The ids, numbers and names of a sentence, in singular."""
    found = atoms(unit)
    return set(map(singular, found - ordinary_starts(unit))) if found else found
