"""All that is known of Agent Zero (1.7 and 2.6), in one place. Imports it late: tests run without it."""

from __future__ import annotations

import dataclasses
import importlib
import os
from collections.abc import Mapping
from contextvars import ContextVar
from typing import Any

from .options import Options, read_options
from .plane import kept

PLUGIN = "bursar"
OVERRIDE = "chat_model_override"
_ROTATION: dict[tuple[str, ...], int] = {}


def options_of(agent: Any) -> Options:
    """The settings that hold for this agent: those of its project and profile come first."""
    plugins = importlib.import_module("helpers.plugins")
    return read_options(plugins.get_plugin_config(PLUGIN, agent=agent))


def model_of(wrapper: Any) -> tuple[str, str] | None:
    """Provider and model as Agent Zero's own settings name them; None for what is no model."""
    conf = getattr(wrapper, "a0_model_conf", None)
    if conf is not None and conf.provider and conf.name:
        return str(conf.provider), str(conf.name)
    spelled, provider = getattr(wrapper, "model_name", None), getattr(wrapper, "provider", None)
    if not spelled or not provider:
        return None
    return str(provider), str(spelled).removeprefix(f"{provider}/")


def other_model(wrapper: Any, model: Mapping[str, Any], options: Options) -> Any:
    """A wrapper for another model. Address, key and parameters of the old one stay behind; Agent Zero's own switches,
    whose names begin with `a0_`, and its window go with it.

    `model` is an entry of Bursar's config, or just provider and name. Raises whatever Agent Zero raises.
    """
    models = importlib.import_module("models")
    old = wrapper.a0_model_conf
    window = int(model.get("context_window") or 0)
    conf = dataclasses.replace(
        old,
        provider=model["provider"],
        name=model["name"],
        api_key=pooled_key(model.get("key_pool") or (), options) or "",
        api_base="",
        ctx_length=min(old.ctx_length, window) if old.ctx_length and window else old.ctx_length or window,
        limit_requests=int(model.get("limit_requests") or 0),
        limit_input=int(model.get("limit_input") or 0),
        limit_output=int(model.get("limit_output") or 0),
        vision=old.vision,
        kwargs={
            **{name: value for name, value in old.kwargs.items() if name.startswith("a0_")},
            **(model.get("parameters") or {}),
        },
    )
    return models.get_chat_model(conf.provider, conf.name, model_config=conf, **conf.build_kwargs())


def pooled_key(pool: Any, options: Options, environment: Mapping[str, str] = os.environ) -> str | None:
    """The next key of a pool: names come from Bursar, the keys stay in this machine's environment."""
    names = tuple(name for name in map(str, pool) if environment.get(options.keys.get(name, "")))
    if not names:
        return None
    turn = _ROTATION[names] = _ROTATION.get(names, -1) + 1
    return environment[options.keys[names[turn % len(names)]]]


def working(agent: Any) -> None:
    """From here on this task works for this agent, and so do the tasks and threads that it starts."""
    _working().set(agent)


def current_agent() -> Any | None:
    """The agent that the code under way works for, as far as that is known."""
    if (agent := _working().get()) is not None:
        return agent
    context = importlib.import_module("agent").AgentContext.current()
    return getattr(context, "agent0", None)


def _working() -> ContextVar[Any]:
    found: ContextVar[Any] = kept().setdefault("working", ContextVar("bursar_agent", default=None))
    return found


def role_of_model(agent: Any, named: tuple[str, str]) -> str:
    """`utility` for the configured utility model, where the chat's is another one, else `chat`."""
    settings = importlib.import_module("plugins._model_config.helpers.model_config")
    chat, utility = (
        (conf.get("provider"), conf.get("name"))
        for conf in (settings.get_chat_model_config(agent), settings.get_utility_model_config(agent))
    )
    return "utility" if named == utility != chat else "chat"


def pinned_model(agent: Any) -> tuple[str, str] | None:
    """The model a user chose for this chat in the switcher, else None."""
    override = agent.context.get_data(OVERRIDE) if agent is not None else None
    if not override:
        return None
    settings = importlib.import_module("plugins._model_config.helpers.model_config")
    conf = settings.get_chat_model_config(agent)
    return (str(conf["provider"]), str(conf["name"])) if conf.get("provider") and conf.get("name") else None


def preset_of(agent: Any) -> str | None:
    """The preset that was chosen for this chat, by a person or by the tool switch_model."""
    override = agent.context.get_data(OVERRIDE)
    return str(override["preset_name"]) if isinstance(override, Mapping) and override.get("preset_name") else None


def split_history(shares: Any) -> None:
    """Agent Zero's own compression of history gives these shares of its room to the topic under way and older ones."""
    wanted = {
        "CURRENT_TOPIC_RATIO": "current",
        "HISTORY_TOPIC_RATIO": "topics",
        "HISTORY_BULK_RATIO": "bulks",
    }
    if not isinstance(shares, Mapping) or not all(
        isinstance(shares.get(name), (int, float)) for name in wanted.values()
    ):
        return
    history = importlib.import_module("helpers.history")
    for constant, name in wanted.items():
        if hasattr(history, constant):
            setattr(history, constant, float(shares[name]))


def approximate_tokens(text: str) -> int:
    """Agent Zero's own count; a quarter of the letters where that fails."""
    try:
        return int(importlib.import_module("helpers.tokens").approximate_tokens(text))
    except Exception:
        return len(text) // 4


def refusal(text: str) -> Exception:
    """The exception that ends a turn at once: any other one is retried, and costs again."""
    error: Exception = importlib.import_module("helpers.errors").HandledException(text)
    return error


def say(agent: Any, kind: str, heading: str, content: str) -> None:
    """A line in the chat: `info`, `warning` or `error`."""
    agent.context.log.log(type=kind, heading=heading, content=content)


def agent_name(agent: Any, options: Options) -> str:
    """The name Bursar knows the agent by; subordinates are `<name>/A1`."""
    number = getattr(agent, "number", 0)
    return f"{options.agent}/A{number}" if number else options.agent


def newest_ask(agent: Any) -> str:
    """What the user said last, as text."""
    content = getattr(getattr(agent, "last_user_message", None), "content", None)
    if isinstance(content, Mapping):
        content = content.get("user_message") or content.get("user_intervention") or ""
    return content if isinstance(content, str) else ""


def has_images(messages: Any) -> bool:
    """Whether any message carries an image."""
    for message in messages or ():
        content = getattr(message, "content", None)
        if isinstance(content, list) and any(
            isinstance(part, Mapping) and part.get("type") == "image_url" for part in content
        ):
            return True
    return False


def text_of(messages: Any) -> str:
    """The text of a prompt, for counting."""
    pieces = []
    for message in messages or ():
        content = getattr(message, "content", message)
        if isinstance(content, list):
            pieces += [str(part.get("text", "")) for part in content if isinstance(part, Mapping)]
        else:
            pieces.append(str(content))
    return "\n".join(pieces)
