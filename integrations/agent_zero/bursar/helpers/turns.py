"""One turn of a conversation: its task id, its outcome, its failures, and what the user is told of switches."""

from __future__ import annotations

import uuid
from typing import Any

from . import plane, zero
from .errors import error_type

TURN = "bursar_turn"
SAID = "bursar_said_model"
FAILED = "bursar_failed"
MOST_FAILURES = 5
Named = tuple[str, str]
"""Provider and model."""


def begin(agent: Any) -> None:
    """The user said something new: a new task. Subordinates work on that of their chat."""
    zero.working(agent)
    if not getattr(agent, "number", 0):
        agent.context.set_data(TURN, uuid.uuid4().hex[:12])
        agent.context.set_data(FAILED, None)


def task_of(agent: Any) -> str:
    """The task of the turn under way."""
    turn = agent.context.get_data(TURN)
    return f"{agent.context.id}/{turn}" if turn else str(agent.context.id)


def end(agent: Any, *, success: bool, note: str = "") -> None:
    """The turn is over as the agent sees it: it answered, or it gave up."""
    if getattr(agent, "number", 0):
        return
    told = {"task_id": task_of(agent), "success": success, "source": "agent", "note": note[:500] or None}
    plane.outcome(zero.options_of(agent), told)


def judge(task_id: str, is_good: bool, options: Any) -> None:
    """The user's thumb under the last answer. The newest one counts."""
    plane.outcome(options, {"task_id": task_id, "success": is_good, "source": "user"})


def went_on(agent: Any, role: str, failed_model: Named, next_model: Named, error: BaseException) -> None:
    """A model failed and another one takes over: remembered for the next decision, and said in the chat."""
    failed = [*(agent.context.get_data(FAILED) or ())][-MOST_FAILURES + 1 :]
    failed.append({"provider": failed_model[0], "name": failed_model[1], "error_type": error_type(error)})
    agent.context.set_data(FAILED, failed)
    if role == "chat":
        text = f"{_spelled(failed_model)} failed ({error_type(error)}), {_spelled(next_model)} goes on."
        zero.say(agent, "info", f"Bursar: {text}", f"{text} The next call begins with the model that was decided anew.")


def failures(agent: Any) -> list[dict[str, str]]:
    """What failed in this turn."""
    return list(agent.context.get_data(FAILED) or ())


def tell_switch(agent: Any, model: Named | None, reason: str = "") -> None:
    """One line when Bursar's model takes over, not again while it stays. None: it is the agent's own turn again."""
    if agent.context.get_data(SAID) == (list(model) if model else None):
        return
    agent.context.set_data(SAID, list(model) if model else None)
    if model is None:
        return
    name = _spelled(model)
    heading = f"Bursar chose {reason}" if reason.startswith(name) else f"Bursar: {name} takes over. {reason}".strip()
    undo = "To undo it, choose a model for this chat in the switcher below; one that you choose always wins."
    zero.say(agent, "info", heading, f"{reason}\n{undo}".strip())


def _spelled(model: Named) -> str:
    return f"{model[0]}/{model[1]}"
