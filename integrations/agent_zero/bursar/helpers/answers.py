"""Which answer in the chat belongs to which task, and what the user thinks of it. Kept with the chat."""

from __future__ import annotations

from typing import Any

from . import turns

ANSWERS = "bursar_answers"
MOST = 200


def remember(agent: Any) -> None:
    """The turn is over: its last answer in the chat is that of its task."""
    turn = agent.context.get_data(turns.TURN)
    log = agent.context.log
    number = next((one.no for one in reversed(log.logs) if one.type == "response" and not one.agentno), None)
    if turn and number is not None:
        _keep(agent, {**_of(agent), str(number): [turn, None]})


def told(agent: Any) -> dict[str, bool | None]:
    """By the number of an answer in the chat: good, not good, or not judged."""
    return {number: verdict for number, (_, verdict) in _of(agent).items()}


def judge(agent: Any, number: str, is_good: bool) -> str | None:
    """Keep what the user thinks of an answer; returns its task, None for an answer that is not known."""
    answers = _of(agent)
    if number not in answers:
        return None
    turn = answers[number][0]
    _keep(agent, {**answers, number: [turn, is_good]})
    return f"{agent.context.id}/{turn}"


def _of(agent: Any) -> dict[str, list[Any]]:
    """Numbers count anew in another log: after a reset, and in a branch of the chat."""
    kept = agent.context.get_data(ANSWERS) or {}
    return dict(kept["answers"]) if kept.get("log") == agent.context.log.guid else {}


def _keep(agent: Any, answers: dict[str, list[Any]]) -> None:
    newest = dict(list(answers.items())[-MOST:])
    agent.context.set_data(ANSWERS, {"log": agent.context.log.guid, "answers": newest})
