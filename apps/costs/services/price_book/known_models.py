"""The models of the book that a list of higher rank prices, by the names that mean them."""

from collections import defaultdict
from collections.abc import Iterable
from typing import Literal

from apps.costs.domain.matching import Predicate, compile_rule
from apps.costs.domain.spellings import is_government
from apps.costs.models import LanguageModel

Found = tuple[str, Literal["exact", "alias", "rule"]]


class KnownModels:
    """Names are compared in lower case, at the provider itself."""

    def __init__(self, models: Iterable[LanguageModel]) -> None:
        self._names: dict[tuple[str, str], Found] = {}
        self._rules: dict[str, list[tuple[Predicate, str]]] = defaultdict(list)
        ordered = sorted(models, key=lambda model: (model.provider_id, model.position))
        for model in ordered:
            for alias in model.aliases:
                self._names.setdefault((model.provider_id, alias), (model.name, "alias"))
            if model.rule is not None:
                self._rules[model.provider_id].append((compile_rule(model.rule), model.name))
        for model in ordered:
            self._names[model.provider_id, model.name.lower()] = (model.name, "exact")

    def find(self, provider: str, name: str) -> Found | None:
        """The model a name means, and how strictly."""
        lowered = name.lower()
        if found := self._names.get((provider, lowered)):
            return found
        # As in the book: a government's regions have prices of their own.
        if is_government(lowered):
            return None
        return next(((model, "rule") for means, model in self._rules[provider] if means(lowered)), None)
