"""The editor of a draft: what the browser sent as a policy document, and acts that only move rows.

Names are paths: `t0-m1-name` is the name of the second model of the first tier. Rows that the browser was shown are
counted, so that a list that lost its last row is told from one that was never sent.
"""

import json
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import msgspec
from msgspec import to_builtins

from apps.routing.domain.policy import (
    MAX_MODELS,
    MAX_TIERS,
    WHEN_FIELDS,
    CompressionSettings,
    ContextSettings,
    PolicyError,
)

ABILITIES = ("tools", "vision", "json")
_LIMITS = ("context_window", "limit_requests", "limit_input", "limit_output")
_NEW_MODEL: dict[str, Any] = {"provider": "", "name": "", "supports": ["tools", "json"]}


def document_of_post(post: Mapping[str, str], before: Mapping[str, Any]) -> dict[str, Any]:
    """The document the form says; what the form does not show stays as it was. Raises PolicyError naming the field."""
    document = dict(before)
    document |= {
        "tiers": [_tier(post, f"t{number}") for number in range(_count(post, "tiers", MAX_TIERS))],
        "default_tier": post.get("default_tier", ""),
        "model_routing_enabled": "enabled" in post,
        "model_routing_strategy": post.get("strategy", ""),
        "model_routing_quality_threshold": _share(post, "threshold", "Quality threshold"),
        "model_routing_budget_per_conversation": post.get("budget", "").strip() or None,
        "when_budget_meets_quality": post.get("wins", "budget"),
        "exploration": _exploration(post, before.get("exploration") or {}),
        "rules": [rule for number in range(_count(post, "rules", 100)) if (rule := _rule(post, f"r{number}"))],
        "complexity": _json(post, "complexity", "Complexity"),
        "context": _context(post, before.get("context") or {}),
        "compression": _compression(post, before.get("compression") or {}),
        "off": {"projects": _lines(post, "off_projects"), "agents": _lines(post, "off_agents")},
    }
    return document


def moved(document: dict[str, Any], act: str) -> dict[str, Any]:
    """The document with a row added, removed or moved, as the button that was pressed says."""
    verb, *numbers = act.split(":")
    tiers = [dict(tier) for tier in document["tiers"]]
    places = [int(number) for number in numbers if number.isdecimal() and len(number) < 4]
    if verb == "add-tier" and len(tiers) < MAX_TIERS:
        tiers.append({"name": "", "upper": 1.0, "models": [dict(_NEW_MODEL)]})
    elif verb == "add-rule":
        return document | {"rules": [*document.get("rules", ()), {"when": {}, "tier": document["default_tier"]}]}
    elif places and places[0] < len(tiers):
        if verb == "remove-tier":
            del tiers[places[0]]
        else:
            tier = tiers[places[0]]
            tier["models"] = _moved_models([dict(model) for model in tier["models"]], verb, places[1:])
    return document | {"tiers": tiers}


def _moved_models(models: list[dict[str, Any]], verb: str, places: list[int]) -> list[dict[str, Any]]:
    if verb == "add-model" and len(models) < MAX_MODELS:
        return [*models, dict(_NEW_MODEL)]
    if not places or places[0] >= len(models):
        return models
    place = places[0]
    if verb == "remove-model":
        return models[:place] + models[place + 1 :]
    other = place + {"up": -1, "down": 1}.get(verb, 0)
    if 0 <= other < len(models):
        models[place], models[other] = models[other], models[place]
    return models


def rows_of(document: Mapping[str, Any]) -> dict[str, Any]:
    """The document as the rows of the form."""
    return {
        "tiers": [
            {
                **tier,
                "place": number,
                "prefix": f"t{number}",
                "models": [
                    {
                        **model,
                        "place": place,
                        "prefix": f"t{number}-m{place}",
                        "abilities": [(name, name in model.get("supports", ())) for name in ABILITIES],
                        "keys": ", ".join(model.get("key_pool") or ()),
                        "parameters_text": json.dumps(model["parameters"]) if model.get("parameters") else "",
                        "is_first": place == 0,
                        "is_last": place == len(tier["models"]) - 1,
                    }
                    for place, model in enumerate(tier["models"])
                ],
            }
            for number, tier in enumerate(document["tiers"])
        ],
        "rules": [
            {
                **rule,
                "prefix": f"r{number}",
                "when": [(name, rule["when"].get(name) or "") for name in WHEN_FIELDS],
                "providers_text": ", ".join(rule.get("providers") or ()),
            }
            for number, rule in enumerate(document.get("rules") or ())
        ],
        "explore": _percent((document.get("exploration") or {}).get("share") or 0),
        "explore_extra": (document.get("exploration") or {}).get("most_extra_usd") or "0.01",
        "complexity_text": json.dumps(document["complexity"], indent=2) if document.get("complexity") else "",
        "context": _with_usual(document.get("context"), to_builtins(ContextSettings())),
        "compression": _with_usual(document.get("compression"), to_builtins(CompressionSettings())),
        "off_projects": "\n".join((document.get("off") or {}).get("projects") or ()),
        "off_agents": "\n".join((document.get("off") or {}).get("agents") or ()),
    }


def _with_usual(given: Mapping[str, Any] | None, usual: Mapping[str, Any]) -> dict[str, Any]:
    """What was given, however wrong, as it is shown again to be mended; and what is usual where nothing was."""
    found = {**usual, **(given or {})}
    return {
        name: _with_usual(value, usual[name]) if isinstance(usual.get(name), dict) else value
        for name, value in found.items()
    }


def _percent(share: float) -> str:
    return f"{Decimal(str(share)) * 100:f}".rstrip("0").rstrip(".") if share else "0"


def _exploration(post: Mapping[str, str], before: Mapping[str, Any]) -> Mapping[str, Any]:
    """What the form says of exploring, percent as a share; as it was where the form did not show it."""
    if "explore" not in post:
        return before
    percent = post["explore"].strip().replace(",", ".") or "0"
    try:
        share = float(Decimal(percent) / 100)
    except ArithmeticError as error:
        raise PolicyError("Explored, percent: expected a number from 0 to 5.", "explore") from error
    if not 0 <= share <= 0.05:
        raise PolicyError("Explored, percent: expected a number from 0 to 5.", "explore")
    return {"share": share, "most_extra_usd": post.get("explore_extra", "").strip() or "0.01"}


def _context(post: Mapping[str, str], before: Mapping[str, Any]) -> Mapping[str, Any]:
    """What the form says of history; as it was where the form did not show it."""
    if "ctx_chat" not in post:
        return before
    parts = (("current", "the current topic"), ("topics", "earlier topics"), ("bulks", "bulks"))
    return {
        "chat_model_ctx_history": _share(post, "ctx_chat", "Share of the window for chat history"),
        "util_model_ctx_input": _share(post, "ctx_util", "Share of the window for utility calls"),
        "history_split": {name: _share(post, f"ctx_{name}", f"Share of history for {words}") for name, words in parts},
    }


def _compression(post: Mapping[str, str], before: Mapping[str, Any]) -> Mapping[str, Any]:
    """What the form says of compression; as it was where the form did not show it."""
    if "comp_keep" not in post:
        return before
    keep = _number(post, "comp_keep", "Newest messages kept")
    return {
        "min_cost_per_1k_tokens": post.get("comp_cost", "").strip() or "0",
        "target_reduction": _share(post, "comp_target", "Reduction aimed at"),
        "keep_recent": 0 if keep is None else keep,
    }


def _tier(post: Mapping[str, str], prefix: str) -> dict[str, Any]:
    name = post.get(f"{prefix}-name", "").strip()
    words = f"The tier {name or 'without a name'}"
    return {
        "name": name,
        "upper": _share(post, f"{prefix}-upper", f"{words}, scores below"),
        "max_cost_per_1k_tokens": post.get(f"{prefix}-cap", "").strip() or None,
        "quality_floor": _share(post, f"{prefix}-floor", f"{words}, quality floor", optional=True),
        "min_context_tokens": _number(post, f"{prefix}-context", f"{words}, smallest window"),
        "models": [_model(post, f"{prefix}-m{place}") for place in range(_count(post, f"{prefix}-models", MAX_MODELS))],
    }


def _model(post: Mapping[str, str], prefix: str) -> dict[str, Any]:
    name = post.get(f"{prefix}-name", "").strip()
    limits = {limit: _number(post, f"{prefix}-{limit}", f"{name}, {limit.replace('_', ' ')}") for limit in _LIMITS}
    return {
        "provider": post.get(f"{prefix}-provider", "").strip(),
        "name": name,
        "supports": [ability for ability in ABILITIES if f"{prefix}-{ability}" in post],
        "key_pool": _commas(post, f"{prefix}-keys"),
        "parameters": _json(post, f"{prefix}-parameters", f"{name}, parameters"),
        **limits,
    }


def _rule(post: Mapping[str, str], prefix: str) -> dict[str, Any] | None:
    """A rule; None for one whose every condition was emptied, which removes it."""
    when = {name: value for name in WHEN_FIELDS if (value := post.get(f"{prefix}-{name}", "").strip())}
    if not when:
        return None
    return {
        "when": when,
        "tier": post.get(f"{prefix}-tier") or None,
        "at": post.get(f"{prefix}-at", "exactly"),
        "providers": _commas(post, f"{prefix}-providers"),
    }


def _count(post: Mapping[str, str], name: str, most: int) -> int:
    text = post.get(name, "")
    return min(most, int(text)) if text.isdecimal() and len(text) < 6 else 0


def _share(post: Mapping[str, str], name: str, words: str, *, optional: bool = False) -> Any:
    text = post.get(name, "").strip().replace(",", ".")
    if not text and optional:
        return None
    try:
        return float(text)
    except ValueError as error:
        raise PolicyError(f"{words}: expected a number from 0 to 1.", name) from error


def _number(post: Mapping[str, str], name: str, words: str) -> int | None:
    text = post.get(name, "").strip().replace(",", "").replace("_", "")
    if not text:
        return None
    if not (text.isascii() and text.isdecimal() and len(text) <= 12):
        raise PolicyError(f"{words}: expected a whole number, or nothing.", name)
    return int(text)


def _json(post: Mapping[str, str], name: str, words: str) -> Any:
    text = post.get(name, "").strip()
    try:
        return msgspec.json.decode(text) if text else {}
    except (msgspec.DecodeError, RecursionError) as error:
        raise PolicyError(f"{words}: this is not JSON.", name) from error


def _commas(post: Mapping[str, str], name: str) -> list[str]:
    return [part.strip() for part in post.get(name, "").split(",") if part.strip()]


def _lines(post: Mapping[str, str], name: str) -> list[str]:
    return [line.strip() for line in post.get(name, "").splitlines() if line.strip()]
