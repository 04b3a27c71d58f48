"""The columns of the export, those of FOCUS 1.2 first, then our own; and how one sum of usage becomes a row of them.

FOCUS asks for a cost in every row, and forbids 0 in the place of what is not known. Where no call of a row has a known
cost, its costs are null: see docs/exports.md.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any

VERSION = "1.2"
OWN = "internal"
"""The provider of what has none: tools that are run by oneself."""


class Kind(StrEnum):
    """What a column holds."""

    TEXT = "text"
    MOMENT = "moment"
    MONEY = "money"
    QUANTITY = "quantity"
    COUNT = "count"


@dataclass(frozen=True, slots=True)
class Charge:
    """What one row tells, before it is spread over columns; `cost_usd` None is unknown."""

    start: datetime
    end: datetime
    month_start: datetime
    month_end: datetime
    category: str
    frequency: str
    description: str
    provider: str
    service: str
    subcategory: str
    cost_usd: Decimal | None
    quantity: int
    unit: str
    names: Mapping[str, str]
    project_id: int | None
    counts: Mapping[str, int]


_FOCUS: dict[str, tuple[Kind, Any]] = {
    "BilledCost": (Kind.MONEY, lambda one: one.cost_usd),
    "BillingAccountId": (Kind.TEXT, lambda one: one.provider),
    "BillingAccountName": (Kind.TEXT, lambda one: None),
    "BillingCurrency": (Kind.TEXT, lambda one: "USD"),
    "BillingPeriodEnd": (Kind.MOMENT, lambda one: one.month_end),
    "BillingPeriodStart": (Kind.MOMENT, lambda one: one.month_start),
    "ChargeCategory": (Kind.TEXT, lambda one: one.category),
    "ChargeClass": (Kind.TEXT, lambda one: None),
    "ChargeDescription": (Kind.TEXT, lambda one: one.description),
    "ChargeFrequency": (Kind.TEXT, lambda one: one.frequency),
    "ChargePeriodEnd": (Kind.MOMENT, lambda one: one.end),
    "ChargePeriodStart": (Kind.MOMENT, lambda one: one.start),
    "ConsumedQuantity": (Kind.QUANTITY, lambda one: one.quantity if one.category == "Usage" else None),
    "ConsumedUnit": (Kind.TEXT, lambda one: one.unit if one.category == "Usage" else None),
    "ContractedCost": (Kind.MONEY, lambda one: one.cost_usd),
    "EffectiveCost": (Kind.MONEY, lambda one: one.cost_usd),
    "InvoiceId": (Kind.TEXT, lambda one: None),
    "InvoiceIssuerName": (Kind.TEXT, lambda one: one.provider),
    "ListCost": (Kind.MONEY, lambda one: one.cost_usd),
    "PricingQuantity": (Kind.QUANTITY, lambda one: one.quantity),
    "PricingUnit": (Kind.TEXT, lambda one: one.unit),
    "ProviderName": (Kind.TEXT, lambda one: one.provider),
    "PublisherName": (Kind.TEXT, lambda one: one.provider),
    "ResourceId": (Kind.TEXT, lambda one: _agent(one)),
    "ResourceName": (Kind.TEXT, lambda one: one.names.get("agent") or None),
    "ResourceType": (Kind.TEXT, lambda one: "Agent" if one.names.get("agent") else None),
    "ServiceCategory": (Kind.TEXT, lambda one: "AI and Machine Learning"),
    "ServiceName": (Kind.TEXT, lambda one: one.service),
    "ServiceSubcategory": (Kind.TEXT, lambda one: one.subcategory),
    "SkuId": (Kind.TEXT, lambda one: _sku(one)),
    "SubAccountId": (Kind.TEXT, lambda one: None if one.project_id is None else str(one.project_id)),
    "SubAccountName": (Kind.TEXT, lambda one: one.names.get("project") or None),
    "SubAccountType": (Kind.TEXT, lambda one: None if one.project_id is None else "Project"),
}
_NAMES = {
    "x_Model": "model",
    "x_TaskType": "task_type",
    "x_Tier": "tier",
    "x_Role": "role",
    "x_Status": "status",
}
COUNTS = {
    "x_Calls": "calls",
    "x_ToolExecutions": "tool_executions",
    "x_UnpricedCalls": "unpriced_calls",
    "x_EstimatedCalls": "estimated_calls",
    "x_InputTokens": "input_tokens",
    "x_CacheReadInputTokens": "cache_read_input_tokens",
    "x_CacheCreationInputTokens": "cache_creation_input_tokens",
    "x_OutputTokens": "output_tokens",
    "x_ReasoningOutputTokens": "reasoning_output_tokens",
}
COLUMNS: dict[str, Kind] = (
    {name: kind for name, (kind, _) in _FOCUS.items()}
    | dict.fromkeys(_NAMES, Kind.TEXT)
    | dict.fromkeys(COUNTS, Kind.COUNT)
)


def row_of(charge: Charge) -> Sequence[Any]:
    """The values of a row in the order of COLUMNS; None is null."""
    focus = [of(charge) for _, of in _FOCUS.values()]
    names = [charge.names.get(name) or None for name in _NAMES.values()]
    return [*focus, *names, *(charge.counts.get(name) for name in COUNTS.values())]


def _agent(charge: Charge) -> str | None:
    agent = charge.names.get("agent")
    return f"{charge.project_id}/{agent}" if agent else None


def _sku(charge: Charge) -> str | None:
    model = charge.names.get("model")
    return f"{charge.provider}/{model}" if model else None
