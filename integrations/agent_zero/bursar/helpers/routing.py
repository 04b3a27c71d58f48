"""Asks Bursar which model takes a call, and puts that model, metered, where the agent's own one stood."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from . import plane, shortening, turns, zero
from .attempts import Call, release
from .metered import Made, MeteredModel
from .options import Options
from .origins import asking_agent, role_of, task_type

Named = tuple[str, str]
MOST_LETTERS = 64_000
LONGEST_HOLD = 3600


async def meter(agent: Any, call_data: dict[str, Any], role: str) -> None:
    """Replace the model of a call by a metered one, by that of Bursar's decision if there is one.

    Raises the refusal of a used-up blocking budget, and nothing else: without Bursar the agent's own model stands.
    """
    model = call_data.get("model")
    inner = model._inner if isinstance(model, MeteredModel) else model
    named = zero.model_of(inner)
    if named is None:
        return
    options = zero.options_of(agent)
    if not options.is_on:
        return
    asked_for = task_type(role)
    known = known_of(agent, options, role, asked_for)
    decision = None
    if options.route and (role == "chat" or options.route_utility):
        decision = await _decision(agent, call_data, options, known, named)
    if decision is not None and _is_used_up(decision):
        zero.say(agent, "error", "Bursar: the budget is used up", decision.reason)
        raise zero.refusal(decision.reason)
    if decision is not None and decision.id:
        known["decision_id"] = decision.id
    held = getattr(decision, "reservation", None)
    prompt = partial(prompt_of, call_data)
    call = Call(options, known, zero.approximate_tokens, prompt, str(held["id"]) if held else None)
    try:
        await _put(agent, call_data, role, call, decision, inner, named)
    except BaseException:
        release(call)
        raise


def _is_used_up(decision: Any) -> bool:
    """Whether a budget that blocks lets nothing through; it goes on where routing is switched off."""
    budget = getattr(decision, "budget", None)
    is_off = getattr(decision, "reason_code", "") == "routing_disabled"
    return decision.action == "block" or is_off and isinstance(budget, Mapping) and budget.get("action") == "block"


async def _put(
    agent: Any, call_data: dict[str, Any], role: str, call: Call, decision: Any | None, inner: Any, named: Named
) -> None:
    """The chosen model in the place of the agent's own, with a prompt that may be shorter."""
    options = call.options
    model, name = _chosen(agent, inner, named, decision, options)
    if role == "chat":
        turns.tell_switch(agent, name if name != named else None, getattr(decision, "reason", ""))
        shorter = await shortening.shorten(agent, call_data, options, name, model)
        call = replace(call, known={**call.known, **shorter})
    call_data["model"] = MeteredModel(
        model,
        name,
        call,
        new_id=_new_id(),
        fallbacks=_fallbacks(inner, name, decision, options),
        went_on=partial(turns.went_on, agent, role),
    )


def known_of(agent: Any, options: Options, role: str, asked_for: str) -> dict[str, Any]:
    """What every record of a call says, whatever becomes of it."""
    tool = getattr(getattr(agent, "loop_data", None), "current_tool", None)
    return {
        "agent": zero.agent_name(agent, options),
        "role": role_of(role, asked_for),
        "task_type": asked_for,
        "tool": getattr(tool, "name", None),
        "conversation_id": agent.context.id,
        "task_id": turns.task_of(agent),
    }


async def _decision(
    agent: Any, call_data: Mapping[str, Any], options: Options, known: Mapping[str, Any], named: Named
) -> Any | None:
    client = plane.client(options)
    if client is None:
        return None
    try:
        plane.heed_budgets(client)
        question = question_of(agent, call_data, options, known, named)
        return await asyncio.to_thread(client.decide, **question)
    except Exception:
        plane.logger.exception("Bursar could not be asked; the agent's own model is used.")
        return None


def question_of(
    agent: Any, call_data: Mapping[str, Any], options: Options, known: Mapping[str, Any], named: Named
) -> dict[str, Any]:
    """The body of a decision. The model a user chose for the chat is pinned."""
    messages = call_data.get("messages") or [call_data.get("system") or "", call_data.get("message") or ""]
    pinned = zero.pinned_model(agent) if known["role"] == "chat" else None
    ask = zero.newest_ask(agent) if known["role"] == "chat" else str(call_data.get("message") or "")
    question: dict[str, Any] = {
        **{name: value for name, value in known.items() if value is not None and name != "task_id"},
        "input_tokens": zero.approximate_tokens(zero.text_of(messages)),
        "current": {"provider": named[0], "name": named[1]},
        "failed_attempts": turns.failures(agent) or None,
    }
    if pinned:
        question["pinned"] = {"provider": pinned[0], "name": pinned[1]}
    if options.hold_seconds:
        question |= {"reserve": True, "reserve_ttl_s": min(options.hold_seconds, LONGEST_HOLD)}
    if options.send_message and ask:
        question["message"] = ask[:MOST_LETTERS]
    if zero.has_images(call_data.get("messages")):
        question["requires"] = ["vision"]
    return {name: value for name, value in question.items() if value is not None}


def _chosen(agent: Any, inner: Any, named: Named, decision: Any | None, options: Options) -> tuple[Any, Named]:
    """The model of a call and its name: the decision's if it can be made here, else the agent's own."""
    wanted = _named(decision.model) if decision is not None and decision.action == "route" else None
    if not wanted or wanted == named:
        return inner, named
    entries = entries_of(plane.client(options))
    if not fits(entries.get(wanted, {}), inner):
        return inner, named
    try:
        return zero.other_model(inner, _entry(entries, wanted), options), wanted
    except Exception as error:
        zero.say(agent, "warning", "Bursar: a model could not be made", f"{wanted[0]}/{wanted[1]}: {error}")
        return inner, named


def _fallbacks(inner: Any, name: Named, decision: Any | None, options: Options) -> list[Made]:
    """What takes over when the model fails, in the decision's order."""
    spares = [spare for one in getattr(decision, "fallbacks", ()) if (spare := _named(one)) and spare != name]
    entries = entries_of(plane.client(options)) if spares else {}
    return [
        (spare, partial(zero.other_model, inner, _entry(entries, spare), options))
        for spare in spares
        if fits(entries.get(spare, {}), inner)
    ]


def entries_of(client: Any) -> dict[Named, Mapping[str, Any]]:
    """The models of the policy by provider and name, as the last config tells them."""
    config = client._last_config() if client is not None else None
    tiers = (getattr(config, "raw", None) or {}).get("model_tiers") or {}
    return {
        (str(one["provider"]), str(one["name"])): one
        for tier in tiers.values()
        for one in tier.get("models") or ()
        if one.get("provider") and one.get("name")
    }


def fits(entry: Mapping[str, Any], wrapper: Any) -> bool:
    """Whether a model can stand in: history and prompts are made for the window and the eyes of the configured one."""
    conf = getattr(wrapper, "a0_model_conf", None)
    window = entry.get("context_window")
    if window and conf is not None and conf.ctx_length and int(window) < conf.ctx_length:
        return False
    supports = entry.get("supports")
    return not (conf is not None and conf.vision and supports is not None and "vision" not in supports)


def metered(agent: Any, model: Any, role: str) -> Any:
    """A model that somebody took past the hooks: measured, never replaced."""
    named = zero.model_of(model)
    if named is None or isinstance(model, MeteredModel):
        return model
    options = zero.options_of(agent)
    if not options.is_on:
        return model
    known = known_of(agent, options, role, task_type(role))
    return MeteredModel(model, named, Call(options, known, zero.approximate_tokens, lambda: ""), new_id=_new_id())


def metered_stranger(wrapper: Any) -> Any:
    """A model that was made past the agent, as compaction does: measured for whom it is asked."""
    agent, named = asking_agent() or zero.current_agent(), zero.model_of(wrapper)
    options = zero.options_of(agent)
    if named is None or not options.is_on:
        return None
    role = zero.role_of_model(agent, named)
    asked_for = task_type(role)
    known = (
        known_of(agent, options, role, asked_for)
        if agent is not None
        else {"agent": options.agent, "role": role_of(role, asked_for), "task_type": asked_for}
    )
    return MeteredModel(wrapper, named, Call(options, known, zero.approximate_tokens, lambda: ""), new_id=_new_id())


def prompt_of(call_data: Mapping[str, Any]) -> str:
    """The text of a prompt, for an estimate."""
    messages: Sequence[Any] = call_data.get("messages") or [call_data.get("system"), call_data.get("message")]
    return zero.text_of([one for one in messages if one])


def _named(model: Any) -> Named | None:
    return (str(model.provider), str(model.name)) if model is not None else None


def _entry(entries: Mapping[Named, Mapping[str, Any]], named: Named) -> Mapping[str, Any]:
    return {**entries.get(named, {}), "provider": named[0], "name": named[1]}


def _new_id() -> Any:
    import importlib

    return importlib.import_module(__package__.rsplit(".", 1)[0] + ".bursar_client").new_id
