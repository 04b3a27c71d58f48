"""Sentences of the agent that tell nothing which does not stand elsewhere."""

from collections import Counter

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
    told = [set(map(singular, atoms(unit) - ordinary_starts(unit))) for *_, unit in found]
    sought = Sought(set().union(*told))
    holders: Counter[str] = Counter()
    for place, one in enumerate(press.messages):
        holders.update(sought.within(f"{press.texts[place]}\n{one.calls}"))
    gone: dict[int, set[int]] = {}
    own: dict[int, Counter[str]] = {}
    left = float(press.tokens)
    for (_, place, number, unit), wanted in zip(found, told, strict=True):
        if left <= press.target:
            break
        if all(holders[atom] > 1 for atom in wanted):
            gone.setdefault(place, set()).add(number)
            left -= press.sizes[place] * len(unit) / len(press.texts[place])
            if place not in own:
                own[place] = Counter(word for part, _ in pieces[place] for word in sought.within(part))
            said = sought.within(unit)
            own[place].subtract(said)
            holders.subtract(word for word in said if not own[place][word])
    for place, taken in sorted(gone.items()):
        kept = "".join(unit for number, (unit, _) in enumerate(pieces[place]) if number not in taken).strip()
        press.replace(place, kept or "(…)", Reason.RESTATED)
