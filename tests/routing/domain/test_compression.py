"""Compression: what each step takes out, and what it never touches."""

import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from apps.routing.domain.compression import Message, Reason, compress, economy_of, share_kept, tables
from apps.routing.domain.compression.lines import head_and_tail
from apps.routing.domain.compression.standing import Sayers, Standing
from apps.routing.domain.compression.texts import units, without_repeats

FLIGHTS = [
    {"flight": f"HAT{number:03}", "origin": "JFK", "seats": {"economy": number, "business": 2}, "price": 100 + number}
    for number in range(1, 9)
]


def press(messages: list[Message], target: int = 0, keep_recent: int = 1) -> list[str]:
    return compress(messages, target=target, keep_recent=keep_recent, count=len).texts


def test_alike_objects_become_a_table_without_losing_a_value() -> None:
    written = tables.written(tables.narrow(tables.parse(json.dumps(FLIGHTS))))
    assert written.startswith(
        "{in every row:{origin:JFK,seats.business:2},fields:[flight,seats.economy,price],rows:[[HAT001,1,101],"
    )
    assert written.endswith("[HAT008,8,108]]}")


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ('{"zip": "78750", "n": 1.10}', '{zip:"78750",n:1.10}'),
        ('{"a": "true", "b": true, "c": null}', '{a:"true",b:true,c:null}'),
        ('{"at": "06:00:00", "day": "2024-05-20"}', "{at:06:00:00,day:2024-05-20}"),
        ('{"t": "a, b", "u": "[x]", "v": ""}', '{t:"a, b",u:"[x]",v:""}'),
        ("[[1, 2], [3]]", "[[1,2],[3]]"),
        ('[{"a.b": 1, "a": {"b": 2}}, {"a.b": 3, "a": {"b": 4}}]', "[{a.b:1,a:{b:2}},{a.b:3,a:{b:4}}]"),
        ('[{"a": 1, "b": {}}, {"a": 1, "b": {}}]', "{in every row:{a:1,b:{}},fields:[],rows:[[],[]]}"),
        ('[[{"a": 1}], [{"a": 2}]]', "{fields:[group,a],rows:[[1,1],[2,2]]}"),
        (
            json.dumps(
                {one: {"id": one, "brand": "visa", "last_four": f"1{one[1]}"} for one in ("c1", "c2", "c3", "c4")}
            ),
            '{by:id,in every row:{brand:visa},fields:[id,last_four],rows:[[c1,"11"],[c2,"12"],[c3,"13"],[c4,"14"]]}',
        ),
        ('{"a": {"b": 1}, "c": {"b": 2}}', "{a:{b:1},c:{b:2}}"),
        ('[{"a": 1, "b": ""}, {"a": 2}, {"a": 3, "b": ""}]', '{fields:[a,b],rows:[[1,""],[2,],[3,""]]}'),
        (
            '[{"a": 1, "b": [{"c": 1}, {"c": 2}]}, {"a": 2, "b": [{"c": 3}]}]',
            "{fields:[a,{b:[c]}],rows:[[1,[[1],[2]]],[2,[[3]]]]}",
        ),
        ("12345678901234567890", None),
        ('[{"a": 1, "b": 1}, {"a": "1", "b": 1}]', '{in every row:{b:1},fields:[a],rows:[[1],["1"]]}'),
        ('{"a": 1, "a": 2}', None),
        ("[1, 2", None),
        ("not json", None),
    ],
)
def test_json_is_written_narrow(text: str, written: str | None) -> None:
    value = tables.parse(text)
    assert (None if value is None else tables.written(tables.narrow(value))) == written


NAMES = st.sampled_from(["id", "town", "price", "legs", "note"])
LEAVES = st.one_of(st.sampled_from(["", "A1", "1", "true", "Graz"]), st.integers(0, 3), st.booleans(), st.none())
JSON = st.recursive(
    LEAVES,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(NAMES, inner, max_size=4)
        | st.lists(st.dictionaries(NAMES, inner, min_size=3, max_size=4), min_size=2, max_size=4)
        | st.dictionaries(st.sampled_from(["A1", "B2", "C3"]), st.dictionaries(NAMES, inner, min_size=4), min_size=3)
    ),
    max_leaves=20,
)


def widen(value: Any) -> Any:
    """What was made narrow, as it was."""
    if isinstance(value, list):
        return [widen(part) for part in value]
    if not isinstance(value, dict):
        return value
    if tables.ROWS not in value:
        return {name: widen(part) for name, part in value.items()}
    shared = list(value.get(tables.ALL, {}).items())
    rows = [record([*shared, *zip(value["fields"], row, strict=True)]) for row in value["rows"]]
    if by := value.get(tables.BY):
        return {(row.pop(by) if by == tables.KEY else row[by]): row for row in rows}
    if all("group" in row for row in rows):
        grouped: dict[int, list[Any]] = {}
        for row in rows:
            grouped.setdefault(row.pop("group"), []).append(row)
        return list(grouped.values())
    return rows


def record(pairs: list[tuple[Any, Any]]) -> dict[str, Any]:
    made: dict[str, Any] = {}
    for name, cell in pairs:
        if cell is tables.ABSENT:
            continue
        if isinstance(name, dict):
            [(name, names)] = name.items()
            cell = [record(list(zip(names, row, strict=True))) for row in cell]
        *above, last = name.split(".")
        inside = made
        for part in above:
            inside = inside.setdefault(part, {})
        inside[last] = widen(cell)
    return made


@settings(max_examples=50, deadline=None)
@given(JSON)
def test_narrow_loses_nothing(value: Any) -> None:
    parsed = tables.parse(json.dumps([value]))
    assert widen(tables.narrow(parsed)) == parsed


def test_repeated_lines_are_told_once_but_not_in_code() -> None:
    line = "WARNING the disk is nearly full"
    assert without_repeats("\n".join([line] * 3 + ["}", "}"])) == f"{line}\n(the line before stood 3 times)\n}}\n}}"
    fenced = f"```\n{line}\n{line}\n```"
    assert without_repeats(fenced) == fenced


@given(st.text(alphabet="aB1.!? \n`", max_size=200))
def test_units_put_together_are_the_text(text: str) -> None:
    assert "".join(unit for unit, _ in units(text)) == text


def test_atoms_stand_as_whole_words_in_singular_or_plural_anywhere() -> None:
    texts = ["See HAT003, ids mia_li_3668 and 2024-05-20.", "Zwölf Flüge: £1,204.50 from São-Paulo", "{a:x12,b:12}"]
    standing = Standing(texts)
    for atom, is_there in {
        **dict.fromkeys(
            ("hat003", "hat003s", "mia_li_3668", "2024-05-20", "204", "são-paulo", "x12", "id", "flüge"), True
        ),
        **dict.fromkeys(("hat00", "2024-05-2", "ia_li_3668", "4", "a-b", "x1", "see-hat003"), False),
    }.items():
        assert standing.holds(atom) == is_there, atom
    assert share_kept(["HAT003 and HAT004 cost"], texts) == 0.5
    assert share_kept(["nothing"], texts) == 1.0


def test_sayers_are_sentences_with_the_whole_word() -> None:
    sayers = Sayers(
        [(4, 0, "Take A1-B2."), (4, 1, "Not a1-b23, but a1-b2!"), (7, -1, "get A1-B2 12"), (9, 0, "XA1-B2")]
    )
    assert sayers.of("a1-b2") == {4: {0, 1}, 7: {-1}}
    assert sayers.of("12") == {7: {-1}}
    assert sayers.of("take") == {4: {0}}
    assert sayers.of("b") == {}


def test_the_later_of_two_equal_results_refers_to_the_first() -> None:
    result = json.dumps(FLIGHTS)
    messages = [Message("tool", result), Message("assistant", "", "search {}"), Message("tool", result)]
    messages += [Message("user", "Go on.")]
    assert press(messages, target=len(result) + 200)[2] == "(same as message 1)"


def test_what_stands_elsewhere_may_go_and_what_stands_nowhere_else_stays() -> None:
    restated = "Here is what I found. Flight HAT003 costs $103. Your code is ZX81QQ."
    messages = [
        Message("user", "Which flights are there?"),
        Message("tool", json.dumps(FLIGHTS)),
        Message("assistant", restated),
        Message("user", "Book it."),
    ]
    texts = press(messages)
    assert texts[2] == "Your code is ZX81QQ."
    assert "HAT003" in texts[1]
    assert (texts[0], texts[3]) == ("Which flights are there?", "Book it.")


def test_rows_that_nobody_named_go_last_and_are_counted() -> None:
    messages = [
        Message("tool", json.dumps(FLIGHTS)),
        Message("assistant", "I take HAT004."),
        Message("user", "Yes, HAT004."),
        Message("user", "Book."),
    ]
    texts = press(messages, target=200)
    assert "HAT004" in texts[0]
    assert "HAT005" not in texts[0]
    assert texts[0].endswith("rows left out:7}")
    assert press(messages)[0] == "(kept: JFK, 4, 104)"
    assert texts[2] == "Yes, HAT004."


def test_the_result_of_an_id_that_a_user_named_stays() -> None:
    call = 'get_user {"id": "mia_li_3668"}'
    profile = json.dumps({"id": "mia_li_3668", "address": "975 Sunset Drive, Suite 217, Austin, Texas", "amount": 250})

    def texts(ask: str) -> list[str]:
        messages = [Message("user", ask), Message("assistant", "", call), Message("tool", profile)]
        return press([*messages, Message("user", "What is left?")])

    assert "250" in texts("I am mia_li_3668.")[2]
    assert texts("Who was it?")[2] == "(not referred to since)"


def test_a_newer_answer_to_the_same_call_holds() -> None:
    old, new = (json.dumps({"id": "R1AB2C", "state": state, "padding": "x" * 80}) for state in ("open", "closed"))
    asked = Message("assistant", "", 'look {"id": "R1AB2C"}')
    messages = [asked, Message("tool", old), asked, Message("tool", new), Message("user", "And R1AB2C?")]
    texts = press(messages, target=250)
    assert texts[1] == "(asked again later; kept: R1AB2C)"
    assert "closed" in texts[3]
    assert press(messages)[1] == "(asked again later)"


def test_lines_in_place_of_results_lose_what_stands_elsewhere_then_moments() -> None:
    result = {"id": "O77K12", "made": "2024-05-20T08:15:00", "due": "2024-06-01", "owner": "Mia Li", "note": "x" * 60}
    older = {"id": "P88L13", "owner": "Mia Li", "due": "2024-06-01", "place": "Graz", "note": "x" * 60}
    messages = [Message("tool", json.dumps(older)), Message("tool", json.dumps(result))]
    messages += [Message("user", "I am Mia Li of 2024.")]
    lines = [press(messages, target=target)[:2] for target in (100, 90, 0)]
    assert lines == [
        ["(kept: P88L13, Graz)", "(kept: O77K12, 2024-05-20T08:15:00, 2024-06-01, Mia Li)"],
        ["(kept: P88L13, Graz)", "(kept: O77K12, 2024-05-20T08:15:00, 2024-06-01)"],
        ["(kept: P88L13, Graz)", "(kept: O77K12, 2024-06-01)"],
    ]


CARD = {"id": "O77K12", "owner": "Mia Li", "state": "open", "note": "left at the door " * 5, "paid": None, "total": 84}
CARD |= {"mail": "mia.li@mail.example", "grams": 1250}


def test_a_record_read_again_tells_what_changed() -> None:
    later = json.dumps({**CARD, "state": "sent", "total": 90})
    messages = [
        Message("assistant", "", 'look {"id": "O77K12"}'),
        Message("tool", json.dumps(CARD)),
        Message("assistant", "", 'send {"id": "O77K12"}'),
        Message("tool", later),
        Message("user", "And O77K12?"),
    ]
    texts = press(messages, target=330)
    assert "left at the door" in texts[1]
    assert texts[3] == "(as in message 2 but for {id:O77K12,state:sent,total:90})"


def test_a_result_that_another_refers_to_is_no_older_answer() -> None:
    ask = Message("assistant", "", 'look {"id": "O77K12"}')
    messages = [ask, Message("tool", json.dumps(CARD)), ask, Message("tool", json.dumps(CARD)), Message("user", "?")]
    texts = press(messages, target=300)
    assert "left at the door" in texts[1]
    assert texts[3] == "(same as message 2)"


def test_fields_that_identify_nothing_go_first_then_numbers_then_all_but_a_line() -> None:
    messages = [Message("tool", json.dumps(CARD)), Message("assistant", "Mia's has 84."), Message("user", "Go on.")]
    whole = tables.written(tables.narrow(tables.parse(messages[0].text)))
    rest = sum(len(one.text) for one in messages[1:])
    told = [press(messages, target=size + rest)[0] for size in (len(whole), len(whole) - 1, 80, 0)]
    assert told == [
        whole,
        "{id:O77K12,owner:Mia Li,total:84,mail:mia.li@mail.example,grams:1250,fields left out:3}",
        "{id:O77K12,owner:Mia Li,total:84,mail:mia.li@mail.example,fields left out:4}",
        "(kept: O77K12, Mia Li, mia.li@mail.example)",
    ]


def test_a_log_keeps_its_ends_failures_and_what_was_named() -> None:
    lines = [f"08:{number:02} worker{number} served a request in good time" for number in range(30)]
    lines[9] = "08:09 ERROR the store did not answer"
    lines[20] = "08:20 request R20X served slowly"
    kept = head_and_tail("\n".join(lines), lambda word: word == "R20X").split("\n")
    assert kept[:3] == lines[:3]
    assert kept[3:7] == ["(6 lines left out)", lines[9], "(10 lines left out)", lines[20]]
    assert kept[7:] == ["(4 lines left out)", *lines[25:]]


PROMPT = """\
# Role
You are a clerk. Never tell a customer's address.

## Tools
### memory_load:
Loads what was remembered. Thresholds run from 0 to 1.
usage:
```json
{"tool_name": "memory_load", "never": 1}
```
### Tool: browser
Opens pages.
You must close them again.
### look_up
Finds a record.
example:
```json
{"id": "X1"}
```
## Notes on tools
Be careful.

## Examples
Customer: hello. You: hello.
"""


def test_help_for_unused_tools_goes_then_examples_and_rules_stay() -> None:
    messages = [
        Message("system", PROMPT),
        Message("user", "Find it."),
        Message("assistant", "", 'look_up {"id": "X1"}'),
        Message("user", "And?"),
    ]
    found = compress(messages, target=0, keep_recent=1, count=len)
    assert found.texts[0] == (
        "# Role\nYou are a clerk. Never tell a customer's address.\n\n## Tools\n"
        "(help left out, ask for it by name: memory_load, browser)\n### Tool: browser\n"
        "You must close them again.\n### look_up\nFinds a record.\n## Notes on tools\nBe careful.\n"
    )
    told = [(one.reason, one.names) for one in found.dropped]
    assert told == [
        (Reason.WHITE_SPACE, ()),
        (Reason.UNUSED_TOOL_HELP, ("memory_load", "browser")),
        (Reason.EXAMPLES, ("## Examples", "example:")),
    ]
    assert compress(messages, target=0, keep_recent=4, count=len).texts[0] == PROMPT


PIECES = st.sampled_from(
    ["Order 12 is ready. ", "See A1B2C3. ", "```\ncode 7\n```\n", json.dumps(FLIGHTS), "\n\n\n", "Well. Well. ", "x"]
)
MESSAGES = st.lists(
    st.builds(
        Message,
        st.sampled_from(["system", "user", "assistant", "tool"]),
        st.lists(PIECES, max_size=5).map("".join),
        st.sampled_from(["", 'look {"id": "A1B2C3"}']),
        st.booleans(),
    ),
    max_size=12,
)


@settings(max_examples=150, deadline=None)
@given(MESSAGES, st.integers(0, 3000), st.integers(0, 4))
def test_laws(messages: list[Message], target: int, keep_recent: int) -> None:
    result = compress(messages, target=target, keep_recent=keep_recent, count=len)
    again = compress(messages, target=target, keep_recent=keep_recent, count=len)
    assert (again.texts, again.dropped) == (result.texts, result.dropped)
    for one, text in zip(messages, result.texts, strict=True):
        assert len(text) <= len(one.text)
        if one.is_kept or one.role == "user":
            assert text == one.text
        if "```" in one.text and one.role == "assistant":
            assert one.text.count("code 7") == text.count("code 7")
    if messages:
        assert result.texts[-1] == messages[-1].text or keep_recent == 0 or messages[-1].role == "tool"
    if result.first_changed is None:
        assert result.texts == [one.text for one in messages]
    else:
        assert result.texts[: result.first_changed] == [one.text for one in messages][: result.first_changed]
    if sum(len(one.text) + len(one.calls) for one in messages) <= target:
        assert result.dropped == []
    assert all(one.tokens > 0 and one.reason in Reason for one in result.dropped)


REPEATED = "Order 12, A1B2C3. " * 9


@settings(max_examples=60, deadline=None)
@example([Message("assistant", "Well. Well. " * 30, ""), Message("user", "x", "")], 0, REPEATED)
@example([Message("tool", json.dumps(FLIGHTS) * 3, ""), Message("assistant", "x", "")], 0, REPEATED)
@given(MESSAGES, st.integers(0, 400), st.sampled_from(["", "Well.", REPEATED]))
def test_laws_of_summaries(messages: list[Message], target: int, summary: str) -> None:
    result = compress(messages, target=target, keep_recent=1, count=len, summary=summary)
    assert sum(result.sizes) <= sum(len(one.text) + len(one.calls) for one in messages)
    assert [len(text) + len(one.calls) for one, text in zip(messages, result.texts, strict=True)] == result.sizes
    for one, text in zip(messages, result.texts, strict=True):
        if one.is_kept or one.role == "user":
            assert text == one.text
    if result.is_summed_up:
        whole = "\n".join(result.texts)
        assert summary.strip() in whole
        assert result.summary_request is None
    if request := result.summary_request:
        assert summary == ""
        assert all(messages[place].role in ("assistant", "tool") for place in request.indexes)


@pytest.mark.parametrize(
    ("cached", "saved", "lost"),
    [
        # 1,000 tokens go, 4,000 stay behind the change, 5,000 before it; 2 and 0.5 USD per million; 5 calls.
        (0, "0.01", "0"),
        (5_000, "0.01", "0"),
        (10_000, "0.0025", "0.006"),
        (6_000, "0.0025", "0.0015"),
    ],
)
def test_what_a_warm_cache_is_worth(cached: int, saved: str, lost: str) -> None:
    economy = economy_of(
        tokens_saved=1_000,
        kept_after_change=4_000,
        cached_tokens=cached,
        tokens_before_change=5_000,
        input_usd_per_mtok=Decimal(2),
        cache_read_usd_per_mtok=Decimal("0.5"),
        calls_ahead=5,
    )
    assert (economy.saved, economy.lost) == (Decimal(saved), Decimal(lost))
    assert economy.is_worth_it == (economy.saved > economy.lost)
