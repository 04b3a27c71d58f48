"""Conversations of an agent with tools, made up from a seed: clinics, shops, car rental, servers, hotels and trains.

Who calls is asked for, looked up and verified; their things are looked at one by one; a list of choices is searched,
summed up by the agent and chosen from, by id, by price or by "the earliest"; then something is done with arguments
from everywhere: ids from records nobody spoke of, dates, amounts, names, and what the person said. The form is that of
chat completions. They are made for measuring compression without a look at anybody's real conversations.
"""

import json
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

FIRST = ("Ada", "Bo", "Carla", "Dmitri", "Elif", "Farid", "Greta", "Hugo", "Ines", "Jonas", "Kaya", "Lena", "Marek")
LAST = ("Abel", "Brandt", "Costa", "Duarte", "Engel", "Fiala", "Gruber", "Horvat", "Jansen", "Kowal", "Moreau", "Novak")
TOWNS = ("Graz", "Porto", "Malmo", "Leeds", "Turin", "Ghent", "Brno", "Cork", "Basel", "Nantes", "Split", "Aarhus")
STREETS = ("Mill Lane", "Harbour Road", "Linden Street", "Castle Hill", "Station Square", "Orchard Way")
NOTES = (
    "Prefers to be called in the afternoon and has asked twice about parking near the entrance",
    "Was transferred from the old system; some fields could not be carried over and are empty",
    "Left a friendly comment in the last survey and agreed to be contacted again",
    "Asked for large print in letters; otherwise nothing out of the ordinary was noted",
)
Record = dict[str, Any]


@dataclass(frozen=True)
class Domain:
    """One line of business: how people, their things and choices are called, and what is done with them."""

    person: str
    thing: str
    choice: str
    act: str
    policy: str
    make_thing: Callable[[random.Random, str], Record]
    make_choice: Callable[[random.Random, int, str, str], Record]
    is_keyed: bool = False
    """Whether ways to pay are told by their ids, as an object of objects, not as a list."""


def talks(seed: int, number: int) -> Iterator[list[Record]]:
    """So many conversations, the same for the same seed, each beginning with its system prompt."""
    for place in range(number):
        yield Talk(random.Random(f"{seed}/{place}"), DOMAINS[place % len(DOMAINS)]).made()


class Talk:
    """One conversation in the making."""

    def __init__(self, dice: random.Random, domain: Domain) -> None:
        self.dice, self.domain = dice, domain
        self.messages: list[Record] = [{"role": "system", "content": domain.policy}]
        self.person = _person(dice, domain)

    def made(self) -> list[Record]:
        """The whole of it."""
        self.greet()
        for _ in range(self.dice.randint(1, 3)):
            things = self.look_around()
            for _ in range(self.dice.randint(1, 2)):
                self.change(self.dice.choice(things))
        self.say("user", "That was all, thank you and goodbye.")
        return self.messages

    def greet(self) -> None:
        """Who calls, and their record."""
        domain, dice = self.domain, self.dice
        wish = dice.choice(("change", "move", "check", "sort out"))
        limit = dice.choice((80, 120, 250, 400))
        self.say(
            "user",
            f"Hello! I would like to {wish} one of my {domain.thing}s. It must not cost more than {limit} euros.",
        )
        self.say(
            "assistant",
            f"I will gladly help you with your {domain.thing}. To look you up I need your {domain.person} number. "
            f"You find it on every letter that we sent you, at the top on the right.",
        )
        self.say("user", f"Sure, it is {self.person['id']}. My name is {self.person['name']['first']}.")
        keyed = {"payments": {one["id"]: one for one in self.person["payments"]}} if domain.is_keyed else {}
        self.call(f"get_{domain.person}", {f"{domain.person}_id": self.person["id"]}, self.person | keyed)
        self.say(
            "assistant",
            f"Thank you, {self.person['name']['first']} {self.person['name']['last']}, I found your record. "
            f"Which {domain.thing} is it about? If you do not know its number, I can look through all of them for you.",
        )

    def look_around(self) -> list[Record]:
        """Their things, one after the other."""
        dice, domain = self.dice, self.domain
        known = list(self.person[f"{domain.thing}s"])
        count = dice.randint(1, len(known))
        chosen = known[:count]
        named = (
            f"number {chosen[0]}"
            if dice.random() < 0.5
            else f"the one in {dice.choice(TOWNS)}, I do not know the number"
        )
        self.say("user", f"It is {named}. Please tell me what is in it first.")
        things = []
        for identity in chosen:
            things.append(domain.make_thing(dice, identity))
            self.call(f"get_{domain.thing}", {f"{domain.thing}_id": identity}, things[-1])
        found = things[-1]
        self.say(
            "assistant",
            f"I looked through {len(things)} of your {domain.thing}s. This is the one I found:\n\n"
            f"- **Number**: {found['id']}\n- **Date**: {found['date']}\n- **Price**: {found['price']} euros\n"
            f"- **State**: {found['state']}\n\nIs this the one you mean? What would you like me to do with it?",
        )
        return things

    def change(self, thing: Record) -> None:
        """Search for something else, choose, agree, and do it."""
        dice, domain = self.dice, self.domain
        town, date = dice.choice(TOWNS), _date(dice)
        taken = self.choose(town, date)
        paid = dice.choice(self.person["payments"])
        self.agree(thing, taken, paid)
        arguments = {
            f"{domain.thing}_id": thing["id"],
            f"{domain.choice}_id": taken["id"],
            "date": date,
            "payment_id": paid["id"],
            "attendees": thing["people"][: dice.randint(1, 2)],
        }
        self.call(domain.act, arguments, {**thing, "id": thing["id"], "price": taken["price"], "state": "changed"})
        self.say("assistant", f"It is done: {thing['id']} now is {taken['id']} on {date}. Can I help you further?")

    def choose(self, town: str, date: str) -> Record:
        """A list is searched, three of its rows are offered, one is taken."""
        dice, domain = self.dice, self.domain
        self.say("user", f"Yes. Can I have something in {town} on {date} instead? Not before 9 o'clock, please.")
        rows = [domain.make_choice(dice, place, town, date) for place in range(dice.randint(4, 18))]
        self.call(f"search_{domain.choice}s", {"town": town, "date": date}, rows)
        shown = dice.sample(rows, 3)
        listed = "\n".join(f"{n}. {one['id']} at {one['time']} for {one['price']} euros" for n, one in enumerate(shown))
        told = f"There are several {domain.choice}s in {town} on {date}:\n\n{listed}\n\nWhich of them would you like?"
        self.say("assistant", told)
        taken: Record = dice.choice(shown)
        how = dice.choice((f"Take {taken['id']}", f"The one at {taken['time']}", f"The one for {taken['price']}"))
        self.say("user", f"{how}, please, and use the card that you have.")
        return taken

    def agree(self, thing: Record, taken: Record, paid: Record) -> None:
        """The agent sums up, at times after a calculation or another look, and the caller says yes."""
        dice, domain = self.dice, self.domain
        extra = dice.choice((None, "calculate", "again"))
        difference = taken["price"] - thing["price"]
        if extra == "calculate":
            self.call("calculate", {"expression": f"{taken['price']} - {thing['price']}"}, str(difference))
        elif extra == "again":
            self.call(f"get_{domain.thing}", {f"{domain.thing}_id": thing["id"]}, thing)
        self.say(
            "assistant",
            f"Let me sum up before I go on:\n\n- {domain.thing} {thing['id']} of {thing['date']} is replaced\n"
            f"- new: {taken['id']} at {taken['time']}, {taken['price']} euros\n- difference: {difference} euros\n"
            f"- payment: {paid['id']}\n\nDo you agree? Please answer with yes or no, so that I can continue.",
        )
        self.say("user", dice.choice(("Yes, go on.", "yes", "Yes, please do that.")))

    def say(self, role: str, text: str) -> None:
        """One message of text."""
        self.messages.append({"role": role, "content": text})

    def call(self, name: str, arguments: Record, result: Any) -> None:
        """A call of a tool and its answer."""
        text = result if isinstance(result, str) else json.dumps(result)
        made = {"id": f"call_{len(self.messages)}", "function": {"name": name, "arguments": json.dumps(arguments)}}
        self.messages.append({"role": "assistant", "content": None, "tool_calls": [made]})
        self.messages.append({"role": "tool", "tool_call_id": made["id"], "content": text})


def _person(dice: random.Random, domain: Domain) -> Record:
    first, last = dice.choice(FIRST), dice.choice(LAST)
    number = dice.randint(1000, 9999)
    return {
        "id": f"{last.upper()[:3]}-{number}",
        "name": {"first": first, "last": last},
        "born": _date(dice, 1950, 2004),
        "email": f"{first}.{last}{number % 100}@mail.example".lower(),
        "address": {
            "street": f"{dice.choice(STREETS)} {dice.randint(1, 99)}",
            "town": dice.choice(TOWNS),
            "post_code": str(dice.randint(10000, 99999)),
        },
        "payments": [
            {
                "id": f"card_{dice.randint(10**6, 10**7)}",
                "brand": dice.choice(("visa", "mastercard")),
                "last_four": str(dice.randint(1000, 9999)),
                "is_default": place == 0,
            }
            for place in range(dice.randint(1, 3))
        ],
        f"{domain.thing}s": [_identity(dice, domain.thing) for _ in range(dice.randint(1, 4))],
        "newsletter": dice.random() < 0.5,
        "note": dice.choice(NOTES),
    }


def _people(dice: random.Random) -> list[Record]:
    return [
        {"first": dice.choice(FIRST), "last": dice.choice(LAST), "born": _date(dice, 1950, 2015)}
        for _ in range(dice.randint(1, 3))
    ]


def _thing(dice: random.Random, identity: str) -> Record:
    return {
        "id": identity,
        "date": _date(dice),
        "town": dice.choice(TOWNS),
        "people": _people(dice),
        "state": dice.choice(("confirmed", "open", "waiting")),
        "price": dice.randint(20, 400),
        "history": [
            {
                "at": f"{_date(dice)}T{dice.randint(8, 18):02}:{dice.randint(0, 59):02}:00",
                "what": dice.choice(("created", "letter sent", "moved", "paid")),
                "by": f"clerk{dice.randint(1, 40)}",
            }
            for _ in range(dice.randint(1, 5))
        ],
        "is_insured": dice.random() < 0.5,
        "note": dice.choice(NOTES),
    }


def _choice(letters: str) -> Callable[[random.Random, int, str, str], Record]:
    def made(dice: random.Random, place: int, town: str, date: str) -> Record:
        return {
            "id": f"{letters}{dice.randint(100, 999)}{place:02}",
            "town": town,
            "date": date,
            "time": f"{dice.randint(7, 18):02}:{dice.choice((0, 15, 30, 45)):02}",
            "price": dice.randint(20, 400),
            "state": "available",
            "rooms": {"ground": dice.randint(0, 9), "first": dice.randint(0, 9)},
            "staff": f"{dice.choice(FIRST)} {dice.choice(LAST)}",
        }

    return made


def _identity(dice: random.Random, thing: str) -> str:
    return f"{thing[0].upper()}{dice.choice('KLMNPQ')}{dice.randint(10000, 99999)}"


def _date(dice: random.Random, first: int = 2024, last: int = 2025) -> str:
    return f"{dice.randint(first, last)}-{dice.randint(1, 12):02}-{dice.randint(1, 28):02}"


def _server(dice: random.Random, identity: str) -> Record:
    events = ("request served", "cache refreshed", "slow answer of the store", "retrying")
    lines = [
        f"{_date(dice)} {dice.randint(0, 23):02}:{dice.randint(0, 59):02} {dice.choice(('INFO', 'INFO', 'WARN'))} "
        f"worker-{dice.randint(1, 4)} {dice.choice(events)} in {dice.randint(1, 900)} ms"
        for _ in range(dice.randint(5, 40))
    ]
    return {**_thing(dice, identity), "log": "\n".join(lines)}


def _trip(dice: random.Random, identity: str) -> Record:
    """A thing of several legs, each with its own places, not all with the same fields."""
    made = _thing(dice, identity)
    legs = [_leg(dice) | ({"platform": str(dice.randint(1, 20))} if dice.random() < 0.5 else {}) for _ in range(3)]
    return {**made, "legs": legs[: dice.randint(1, 3)], "bags": {"free": 2, "paid": dice.randint(0, 2)}}


def _leg(dice: random.Random) -> Record:
    start, end = dice.sample(TOWNS, 2)
    leaves = dice.randint(6, 18)
    return {
        "train": f"IC{dice.randint(100, 999)}",
        "from": {"town": start, "station": f"{start} Central"},
        "to": {"town": end, "station": f"{end} Central"},
        "leaves": f"{leaves:02}:{dice.choice((5, 20, 40)):02}:00",
        "arrives": f"{leaves + 2:02}:{dice.choice((5, 20, 40)):02}:00",
    }


def _connection(dice: random.Random, place: int, town: str, date: str) -> Record:
    """A choice with a list in each row."""
    made = _choice("CN")(dice, place, town, date)
    classes = {
        name: {"left": dice.randint(0, 40), "price": dice.randint(20, 400)} for name in ("saver", "flex", "first")
    }
    return {**made, "legs": [_leg(dice) for _ in range(2)], "classes": classes}


def _room(dice: random.Random, place: int, town: str, date: str) -> Record:
    """A choice of which some have what others have not."""
    made = _choice("RM")(dice, place, town, date)
    extras = {name: dice.randint(5, 40) for name in ("breakfast", "parking", "late_checkout") if dice.random() < 0.6}
    return {**made, "beds": dice.choice(("single", "double", "twin")), **extras, "nights": dice.randint(1, 5)}


_POLICY = "You are the clerk of a {}. Ask for the number of the caller first. Change nothing without their agreement."
DOMAINS = (
    Domain("patient", "appointment", "slot", "move_appointment", _POLICY.format("clinic"), _thing, _choice("SL")),
    Domain("customer", "order", "product", "exchange_order", _POLICY.format("shop"), _thing, _choice("PR")),
    Domain("driver", "rental", "car", "change_rental", _POLICY.format("car rental"), _thing, _choice("CAR")),
    Domain("tenant", "machine", "plan", "move_machine", _POLICY.format("data centre"), _server, _choice("PLAN")),
    Domain("traveller", "trip", "train", "change_trip", _POLICY.format("railway"), _trip, _connection, is_keyed=True),
    Domain("guest", "stay", "room", "move_stay", _POLICY.format("hotel"), _thing, _room, is_keyed=True),
)
