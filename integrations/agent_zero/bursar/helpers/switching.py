"""The model of a chat by name: what the tool switch_model does, visible in the switcher like a user's own choice."""

from __future__ import annotations

import importlib
from typing import Any

from . import zero

AUTO = "auto"


def switch(agent: Any, to: str, reason: str) -> str:
    """Choose the preset `to`, or `auto`; returns the words for the agent, also when it is refused."""
    settings = importlib.import_module("plugins._model_config.helpers.model_config")
    if not settings.is_chat_override_allowed(agent):
        return "Refused: this installation does not allow a model per chat. Go on with the current model."
    names = [str(one.get("name")) for one in settings.get_presets() if one.get("name")]
    if to.strip().lower() == AUTO:
        chosen: dict[str, str] | None = None
    else:
        found = next((name for name in names if name.lower() == to.strip().lower()), None)
        if found is None:
            return f"There is no preset {to!r}. Choose one of: {AUTO}, {', '.join(names)}."
        chosen = {"preset_name": found}
    agent.context.set_data(zero.OVERRIDE, chosen)
    importlib.import_module("helpers.persist_chat").save_tmp_chat(agent.context)
    name = chosen["preset_name"] if chosen else "Bursar's choice"
    undo = "To undo it, choose another one for this chat in the switcher below."
    zero.say(agent, "info", f"Model of this chat: {name}. {reason}".strip(), f"{reason}\n{undo}".strip())
    return f"From the next call on this chat uses {name}."
