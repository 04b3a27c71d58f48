"""A summary of what the agent and its tools said before, written by the agent's own model: asked for, and put in.

Bursar calls no model. It says what to sum up and in which words to ask; the text that comes back takes the place of
the messages it tells of. What identifies things or was spoken of there and does not stand in it is added behind it, so
that a forgetful summary loses no more than the ledger does.
"""

import re
from collections.abc import Sequence

from .atoms import atoms, telling
from .fields import told
from .messages import Reason, SummaryRequest
from .press import MIN_RESULT, Press
from .standing import Standing

LEAST_TOKENS = 200
"""What is shorter is not worth a call of a model."""
SHARE = 0.2
"""A summary of so much of what it tells of is asked for."""
FEWEST, MOST = 64, 1024
"""Tokens of the shortest and of the longest summary that is asked for."""
_ASK = (
    "Sum up the following part of a conversation for the agent that goes on with it. Keep every id, number, date, name,"
    " decision, refusal and open question, leave out how things were said, and add nothing. At most {limit} tokens."
    " Answer with the summary alone.\n\n{parts}"
)
_WORD = re.compile(r"[^\W_]+(?:[-_.@:/+'’][^\W_]+)*")


def summary_request(press: Press) -> SummaryRequest | None:
    """What a model should sum up so that the target comes nearer; None when the target is met or little would go."""
    places = _places(press)
    size = sum(press.sizes[place] for place in places)
    if press.is_done or size < LEAST_TOKENS:
        return None
    limit = max(FEWEST, min(MOST, round(size * SHARE)))
    parts = "\n\n".join(
        f"[message {place + 1}, {press.messages[place].role}]\n{press.texts[place]}" for place in places
    )
    return SummaryRequest(tuple(places), _ASK.format(limit=limit, parts=parts), limit)


def put_in(press: Press, summary: str) -> bool:
    """Put a summary in the place of what it tells of. False when that would not be shorter."""
    places = _places(press)
    if press.is_done or not places or not summary.strip():
        return False
    first, rest = places[0], places[1:]
    missing = _missing(press, places, summary)
    text = f"(a summary of messages {', '.join(str(place + 1) for place in places)}: {summary.strip()})"
    if missing:
        text += f"\n(they also told of {', '.join(missing)})"
    short = f"(see the summary in message {first + 1})"
    new = {first: text} | dict.fromkeys(rest, short)
    sizes = {place: press.count(f"{one}{press.messages[place].calls}") for place, one in new.items()}
    if sum(sizes.values()) >= sum(press.sizes[place] for place in places):
        return False
    for place, one in new.items():
        press.values.pop(place, None)
        press.put(place, one, sizes[place], Reason.SUMMARY)
    press.set_aside(places)
    return True


def _places(press: Press) -> list[int]:
    """Old texts of the agent and of its tools; what others refer to stays."""
    return [
        place
        for place in press.old
        if press.messages[place].role in ("assistant", "tool")
        and len(press.texts[place]) >= MIN_RESULT
        and place not in press.referred
        and "```" not in press.texts[place]
    ]


def _missing(press: Press, places: Sequence[int], summary: str) -> list[str]:
    """What the messages tell that identifies things or was spoken of later, and that does not stand in the summary."""
    known: dict[str, None] = {}
    for place in places:
        said = press.said_since(place)
        if place in press.values:
            known.update(dict.fromkeys(told(press.values[place], said)))
        else:
            text = press.texts[place]
            named = atoms(text)
            known.update(dict.fromkeys(telling(text)))
            known.update(dict.fromkeys(word for word in _WORD.findall(text) if word.lower() in named and said(word)))
    stands = Standing([summary]).holds
    return [word for word in known if not all(stands(part.lower()) for part in _WORD.findall(word))]
