"""What goes from old results of tools, from what is told again elsewhere to what nobody ever referred to."""

from collections import Counter
from collections.abc import Iterable
from functools import partial

from . import tables
from .atoms import id_like, telling
from .fields import LEFT_OUT, changes, identifies, is_moment, leaves, record_ids, told, without_fields
from .lines import head_and_tail
from .messages import Reason
from .press import MIN_RESULT, Note, Press
from .rows import without_rows
from .standing import Standing

ASKED_AGAIN = "asked again later"


def duplicates(press: Press) -> None:
    """Later results that say the same as an earlier one refer to it: what stands before them stays as it was."""
    first: dict[str, int] = {}
    old = set(press.old)
    for place, one in enumerate(press.messages):
        if one.role != "tool" or len(one.text) < MIN_RESULT:
            continue
        before = first.setdefault(one.text, place)
        refers = f"(same as message {before + 1})"
        if before != place and place in old and press.replace(place, refers, Reason.DUPLICATE):
            press.referred.add(before)


def same_record(press: Press) -> None:
    """A record that was read before tells what has changed since, and where the rest stands."""
    ids = {place: record_ids(value) for place, value in press.values.items()}
    old = set(press.old)
    for place in sorted(old.intersection(ids)):
        for before in reversed(ids):
            if before >= place or ids[place].isdisjoint(ids[before]):
                continue
            made = changes(press.values[place], press.values[before])
            if made is None:
                continue
            text = f"(as in message {before + 1} but for {tables.written(made)})"
            if len(text) < len(press.texts[place]) // 2 and press.replace(place, text, Reason.SAME_RECORD):
                del press.values[place], ids[place]
                press.referred.add(before)
            break


def superseded(press: Press) -> None:
    """Results of a call that was made again later in the same words: the newer one holds."""
    newest = {one.calls: place for place, one in enumerate(press.messages) if one.calls}
    for place in press.old_results():
        asked = press.asked(place)
        if asked and newest[asked] > place - 1 and place not in press.referred:
            _stub(press, place, ASKED_AGAIN, Reason.SUPERSEDED)


def unmentioned_rows(press: Press) -> None:
    """Rows of old tables whose ids nobody referred to afterwards; the oldest results first."""
    for place in press.old_results():
        if place in press.values:
            shorter, gone = without_rows(press.values[place], partial(press.mentions.after, place=place))
            if gone:
                press.values[place] = shorter
                press.replace(place, tables.written(shorter), Reason.UNMENTIONED_ROWS)


def unmentioned_results(press: Press) -> None:
    """Old results of calls whose ids no user named, and nobody afterwards: the ids and dates in them are left."""
    for place in press.old_results():
        if place in press.referred:
            continue
        ids = {word.lower() for word in telling(press.asked(place)) if id_like(word)}
        if ids and not any(press.mentions.by_people(word) or press.mentions.after(word, place) for word in ids):
            _stub(press, place, "not referred to since", Reason.UNMENTIONED_RESULT)


def middle_lines(press: Press) -> None:
    """The middle of old results that are no JSON, but for failures and what was spoken of."""
    for place in press.old_results():
        if place not in press.values:
            said = press.said_since(place)
            press.replace(place, head_and_tail(press.texts[place], said), Reason.MIDDLE_LINES)


def unmentioned_fields(press: Press) -> None:
    """Fields of old results that identify nothing and that nobody spoke of: texts and switches first, then numbers."""
    left_out: Counter[int] = Counter()
    for numbers in (True, False):
        for place in press.old_results():
            if place not in press.values:
                continue
            shorter, gone = without_fields(press.values[place], press.said_since(place), numbers=numbers)
            if gone:
                press.values[place] = shorter
                left_out[place] += gone
                whole = {**shorter, LEFT_OUT: left_out[place]} if isinstance(shorter, dict) else shorter
                press.replace(place, tables.written(whole), Reason.UNMENTIONED_FIELDS)


def ledger(press: Press) -> None:
    """What identifies things in an old result, and what was spoken of, in one line; the oldest results first."""
    for place in press.old_results():
        said = press.said_since(place)
        if place in press.values:
            _note(press, place, "", dict.fromkeys(told(press.values.pop(place), said)), Reason.LEDGER)


def told_elsewhere(press: Press) -> None:
    """What is left of old results in a line and stands elsewhere, too; the oldest results first."""
    order = [place for place in press.old if place in press.notes]
    if press.is_done or not order:
        return
    noted = set(order)
    standing = Standing(
        f"{press.texts[place]}\n{one.calls}" for place, one in enumerate(press.messages) if place not in noted
    )
    newest = {name.lower(): place for place in order for name in press.notes[place].names}
    for place in order:
        if press.is_done:
            return
        why, names = press.notes[place]
        alone = [name for name in names if newest[name.lower()] == place and not standing.holds_text(name)]
        _note(press, place, why, alone, Reason.TOLD_ELSEWHERE)


def shortest_lines(press: Press) -> None:
    """Of an older answer nothing is left, and of other results no moment that nobody spoke of; the oldest first."""
    for place in press.old:
        if press.is_done:
            return
        if place in press.notes:
            why, names = press.notes[place]
            said = press.said_since(place)
            kept = () if why == ASKED_AGAIN else [name for name in names if said(name) or not is_moment(name)]
            _note(press, place, why, kept, Reason.LEDGER)


def _stub(press: Press, place: int, why: str, reason: Reason) -> None:
    """Leave what identifies things in a result."""
    value = press.values.pop(place, None)
    names = telling(press.texts[place]) if value is None else [leaf for leaf in leaves(value) if identifies(leaf)]
    _note(press, place, why, dict.fromkeys(names), reason)


def _note(press: Press, place: int, why: str, names: Iterable[str], reason: Reason) -> None:
    """Put a line in the place of a result: why, and what is left of it."""
    note = Note(why, tuple(names))
    kept = ", ".join(note.names)
    text = f"({'; '.join(filter(None, (why, kept and f'kept: {kept}')))})" if why or kept else "(left out)"
    if press.replace(place, text, reason):
        press.notes[place] = note
