"""What was in use before: the configuration that savings are measured against, as an admin declares it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from decimal import ROUND_HALF_EVEN, Decimal

from .policy import ModelKey

MOST_ROLES = 20
DAYS_OF_YEAR, MONTHS_OF_YEAR = 365, 12
_STEP = Decimal(1).scaleb(-15)


class BadBaseline(ValueError):
    """What was typed is no baseline; `path` names the field."""

    def __init__(self, message: str, path: str) -> None:
        super().__init__(message)
        self.path = path


@dataclass(frozen=True, slots=True)
class Baseline:
    """One model for every role, and others for some; or a published version of the policy.

    `models` is by role; "" stands for every role that is not named.
    """

    models: Mapping[str, ModelKey]
    policy_version: int | None = None

    def model_for(self, role: str) -> ModelKey | None:
        """The model that a role used; None for a policy, which chooses one for each decision."""
        return self.models.get(role) or self.models.get("")

    @property
    def words(self) -> str:
        """As a person reads it."""
        if self.policy_version is not None:
            return f"version {self.policy_version} of the policy"
        others = [f"{'/'.join(model)} for {role}" for role, model in sorted(self.models.items()) if role]
        return ", ".join(["/".join(self.models[""]), *others])


def read_models(main: str, by_role: str) -> dict[str, ModelKey]:
    """Models as they are typed: `provider/name`, and a line `role = provider/name` for each other role.

    Raises BadBaseline.
    """
    found = {"": _model(main, "model")}
    lines = [line for line in by_role.splitlines() if line.strip()]
    if len(lines) > MOST_ROLES:
        raise BadBaseline(f"At most {MOST_ROLES} roles have a model of their own.", "by_role")
    for line in lines:
        role, equals, model = (part.strip() for part in line.partition("="))
        if not equals or not role or len(role) > 128:
            raise BadBaseline(f"“{line.strip()[:60]}” is not role = provider/name.", "by_role")
        if role in found:
            raise BadBaseline(f"The role {role[:60]} is there twice.", "by_role")
        found[role] = _model(model, "by_role")
    return found


def written_models(models: Mapping[str, ModelKey]) -> tuple[str, str]:
    """The inverse of `read_models`."""
    rest = [f"{role} = {'/'.join(model)}" for role, model in sorted(models.items()) if role]
    return "/".join(models.get("", ())), "\n".join(rest)


def spread(monthly_usd: Decimal, time: timedelta) -> Decimal:
    """What of a monthly amount falls on a time, by a year of 365 days; rounded once, to the femto-dollar."""
    seconds = Decimal(time // timedelta(seconds=1))
    whole = monthly_usd * MONTHS_OF_YEAR * seconds / Decimal(DAYS_OF_YEAR * 86_400)
    return whole.quantize(_STEP, rounding=ROUND_HALF_EVEN)


def _model(text: str, path: str) -> ModelKey:
    provider, _, name = text.strip().partition("/")
    if not provider or not name or len(provider) > 128 or len(name) > 128:
        raise BadBaseline("A model is written as provider/name, for example openai/gpt-4.1.", path)
    return provider, name
