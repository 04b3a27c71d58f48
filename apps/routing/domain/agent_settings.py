"""The settings block of the agent, in its own form, as a policy document."""

import math
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal, InvalidOperation
from typing import Any

import msgspec

from .policy import CompressionSettings, ContextSettings, PolicyError, PolicyModel

_TAKEN = {
    "model_routing_enabled",
    "model_routing_strategy",
    "model_routing_budget_per_conversation",
    "model_routing_quality_threshold",
    "model_tiers",
    "complexity_thresholds",
    "default_tier",
    "context",
    "compression",
}
_OF_TIER = ("models", "max_cost_per_1k_tokens", "quality_floor", "min_context_tokens")
_OF_MODEL = tuple(field.name for field in msgspec.structs.fields(PolicyModel))
_SECTIONS: dict[str, type[msgspec.Struct]] = {"context": ContextSettings, "compression": CompressionSettings}


def document_of_settings(settings: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """The document of an agent's settings block, and what of the block was left aside or read in some way.

    Money may be JSON numbers there; it is taken by its digits. Raises PolicyError for what cannot be read.
    """
    tiers = settings.get("model_tiers")
    if not isinstance(tiers, Mapping) or not tiers:
        raise PolicyError("The block has no model_tiers: an object of tiers by name.", "model_tiers")
    edges, notes = _edges(settings.get("complexity_thresholds"), tiers)
    notes[:0] = _aside("", settings, _TAKEN)
    names = sorted(tiers, key=lambda name: edges.get(name, 1.0))
    if edges and names != list(tiers):
        notes.append(f"The tiers are ordered by their thresholds: {', '.join(names)}.")
    document: dict[str, Any] = {
        "tiers": [
            _tier(name, tiers[name], edges.get(name, 1.0 if edges else (number + 1) / len(names)), notes)
            for number, name in enumerate(names)
        ],
        "default_tier": settings.get("default_tier") or ("standard" if "standard" in names else names[0]),
    }
    for name in ("model_routing_enabled", "model_routing_strategy"):
        if name in settings:
            document[name] = settings[name]
    for name, section in _SECTIONS.items():
        if settings.get(name) is not None:
            document[name] = _section(name, settings[name], section, notes)
    if (threshold := settings.get("model_routing_quality_threshold")) is not None:
        document["model_routing_quality_threshold"] = _number(threshold, "model_routing_quality_threshold")
    if (budget := settings.get("model_routing_budget_per_conversation")) is not None:
        document["model_routing_budget_per_conversation"] = _usd(budget, "model_routing_budget_per_conversation")
    return document, notes


def _edges(given: Any, tiers: Mapping[str, Any]) -> tuple[dict[str, float], list[str]]:
    """The thresholds of the tiers that are there, and what is to be said of the others."""
    if given is None:
        return {}, ["The block has no complexity_thresholds: the tiers share the scores evenly, as they are ordered."]
    if not isinstance(given, Mapping):
        raise PolicyError("The thresholds are an object: a number for every tier.", "complexity_thresholds")
    edges = {name: _number(given[name], f"complexity_thresholds.{name}") for name in tiers if name in given}
    notes = [
        f"complexity_thresholds.{name} is a threshold of no tier and was left aside."
        for name in sorted(map(str, given))
        if name not in tiers
    ]
    notes += [
        f"The tier {name} has no threshold in complexity_thresholds; it was put last, for the highest scores."
        for name in tiers
        if edges and name not in edges
    ]
    return edges, notes


def _tier(name: str, settings: Any, upper: float, notes: list[str]) -> dict[str, Any]:
    path = f"model_tiers.{name}"
    if not isinstance(settings, Mapping):
        raise PolicyError("A tier is an object with provider and model, or with models.", path)
    provider = settings.get("provider")
    models = settings.get("models")
    if models is None:
        own = {key: settings[key] for key in (*_OF_MODEL, "model") if key in settings}
        models, taken = [own], {*_OF_TIER, *own}
    else:
        taken = {*_OF_TIER, "provider"}
    if isinstance(models, str) or not isinstance(models, Sequence):
        raise PolicyError("The models of a tier are a list.", f"{path}.models")
    notes += _aside(path, settings, taken)
    read: dict[str, Any] = {
        "name": name,
        "models": [_model(model, provider, f"{path}.models.{place}", notes) for place, model in enumerate(models)],
        "upper": upper,
    }
    if (cap := settings.get("max_cost_per_1k_tokens")) is not None:
        read["max_cost_per_1k_tokens"] = _usd(cap, f"{path}.max_cost_per_1k_tokens")
    if (floor := settings.get("quality_floor")) is not None:
        read["quality_floor"] = _number(floor, f"{path}.quality_floor")
    if (window := settings.get("min_context_tokens")) is not None:
        read["min_context_tokens"] = window
    return read


def _model(settings: Any, provider: Any, path: str, notes: list[str]) -> dict[str, Any]:
    """A model as a policy has it; a bare name is one of the tier's provider."""
    if isinstance(settings, str):
        settings = {"name": settings}
    if not isinstance(settings, Mapping):
        raise PolicyError("A model is an object with provider and name.", path)
    model = {"provider": provider, **{key: settings[key] for key in _OF_MODEL if key in settings}}
    if "name" not in model:
        model["name"] = settings.get("model")
    for name in ("provider", "name"):
        if not isinstance(model[name], str):
            raise PolicyError(f"A model needs a {name}.", path)
    notes += _aside(path, settings, {*_OF_MODEL, "model"})
    return {name: _plain(value) for name, value in model.items()}


def _section(name: str, given: Any, section: type[msgspec.Struct], notes: list[str]) -> dict[str, Any]:
    if not isinstance(given, Mapping):
        raise PolicyError("These settings are an object.", name)
    known = [field.name for field in msgspec.structs.fields(section)]
    notes += _aside(name, given, known)
    money = {"min_cost_per_1k_tokens"}
    return {
        key: _usd(given[key], f"{name}.{key}") if key in money else _plain(given[key]) for key in known if key in given
    }


def _aside(path: str, given: Mapping[Any, Any], taken: Iterable[str]) -> list[str]:
    prefix = f"{path}." if path else ""
    unknown = sorted(str(name) for name in given.keys() - set(taken))
    return [f"{prefix}{name} is no setting of routing and was left aside." for name in unknown]


def _plain(value: Any) -> Any:
    """A value without decimals, which only money keeps."""
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, Mapping):
        return {str(name): _plain(one) for name, one in value.items()}
    return [_plain(one) for one in value] if isinstance(value, list | tuple) else value


def _number(value: Any, path: str) -> float:
    try:
        number = float(value if not isinstance(value, bool) else "")
    except (TypeError, ValueError, OverflowError) as error:
        raise PolicyError(f"{value!r} is no number.", path) from error
    if not math.isfinite(number):
        raise PolicyError(f"{value!r} is no number.", path)
    return number


def _usd(amount: Any, path: str) -> str:
    try:
        exact = Decimal(str(amount))
        if not exact.is_finite() or exact < 0 or isinstance(amount, bool):
            raise InvalidOperation
    except InvalidOperation as error:
        raise PolicyError(f"{str(amount)[:80]!r} is no amount in USD.", path) from error
    # Beyond what a policy can say, its own check refuses the amount; digits of any exponent are not written out.
    return format(exact, "f") if -400 < exact.adjusted() < 400 else str(exact)
