"""Compression in steps, from what loses nothing to what was never referred to again, until the target is met."""

from collections.abc import Callable, Sequence

from . import results, tables
from .messages import Compressed, Message, Reason
from .press import MIN_RESULT, Count, Press
from .restating import restated
from .summaries import put_in, summary_request
from .system import without_examples, without_unused_tools
from .texts import tidy, without_repeats


def compress(
    messages: Sequence[Message],
    *,
    target: int,
    keep_recent: int,
    count: Count,
    query: str = "",
    sizes: Sequence[int] = (),
    summary: str | None = None,
) -> Compressed:
    """Take out until about `target` tokens are left, or nothing more may go.

    The newest `keep_recent` messages and those marked stay. `count` tells the tokens of a text; `sizes` those of the
    messages, text and calls together, where they are known already. `query` is what matters now, by default the newest
    message of a user. `summary` is what a model wrote when it was asked to sum up the old; "" asks what to ask it.
    """
    press = Press(messages, target, keep_recent, count, query, sizes)
    _run(press, LOSSLESS)
    request = summary_request(press) if summary == "" else None
    if summary:
        press.result.is_summed_up = put_in(press, summary)
    _run(press, STEPS)
    press.result.summary_request = request
    changed = [place for place, one in enumerate(messages) if press.texts[place] != one.text]
    press.result.first_changed = changed[0] if changed else None
    return press.result


def _run(press: Press, steps: Sequence[Callable[[Press], None]]) -> None:
    for step in steps:
        if press.is_done:
            return
        step(press)


def _layout(press: Press) -> None:
    """What is written wide. Results of tools lose nothing by it, so the newest are rewritten, too.

    The best moment is before a result was ever sent to the model: no prompt cache holds it yet, and it stays so.
    """
    old = set(press.old)
    spelling = tables.Spelling()
    for place, one in enumerate(press.messages):
        text = press.texts[place]
        if one.is_kept or one.role == "user" or len(text) < MIN_RESULT:
            continue
        value = tables.parse(text) if one.role == "tool" else None
        if value is not None:
            press.values[place] = tables.narrow(value)
            press.replace(place, tables.written(press.values[place], spelling), Reason.NARROW_JSON)
        elif place in old:
            press.replace(place, tidy(text), Reason.WHITE_SPACE)
            press.replace(place, without_repeats(press.texts[place]), Reason.REPEATED_LINES)


def _unused_tool_help(press: Press) -> None:
    """Help in system prompts for tools that nobody called or spoke of."""
    for place in press.old_prompts():
        shorter, names = without_unused_tools(press.texts[place], lambda name: press.mentions.after(name.lower(), -1))
        press.replace(place, shorter, Reason.UNUSED_TOOL_HELP, names)


def _examples(press: Press) -> None:
    """Examples in system prompts."""
    for place in press.old_prompts():
        shorter, names = without_examples(press.texts[place])
        press.replace(place, shorter, Reason.EXAMPLES, names)


LOSSLESS = (results.duplicates, _layout, results.superseded, results.same_record)
STEPS = (
    restated,
    results.unmentioned_rows,
    results.unmentioned_results,
    results.middle_lines,
    results.unmentioned_fields,
    results.ledger,
    results.told_elsewhere,
    results.shortest_lines,
    _unused_tool_help,
    _examples,
)
