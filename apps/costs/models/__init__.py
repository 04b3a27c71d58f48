"""Tables of usage and cost."""

from apps.costs.models.bookkeeping import BooksState, ProvenHour, RetentionRun, RollupDifference, Sweep
from apps.costs.models.demo import DemoAct, DemoRun
from apps.costs.models.exposition import Exposition
from apps.costs.models.imports import ImportRun, ImportStatus
from apps.costs.models.invoices import InvoiceLine
from apps.costs.models.names import Cell, Label, UsedModel
from apps.costs.models.outcomes import Outcome, TaskTotal
from apps.costs.models.price_book import (
    DerivedPrice,
    LanguageModel,
    OwnPrice,
    Price,
    PriceAdjustment,
    PriceBookState,
    PriceChange,
    Provider,
)
from apps.costs.models.price_lists import (
    ChangeKind,
    ChangeState,
    ListChange,
    ListComparison,
    PriceListCheck,
    PriceListEdition,
)
from apps.costs.models.reporting import CurrencyRate, ReportingSettings
from apps.costs.models.rerating import LineState, RerateLine, RerateRun, RerateState, RerateStep, RerateSum
from apps.costs.models.rollups import ConversationTotal, DayFold, DaySlice, UsageDay, UsageQuarter, UsageQuarterBy
from apps.costs.models.subscriptions import FeeEvery, Subscription
from apps.costs.models.task_folds import TaskFold, TaskSlice, TaskTakenBack
from apps.costs.models.usage import UsageKey, UsageRecord
from apps.costs.models.waste_folds import WasteSlice

__all__ = [
    "CurrencyRate",
    "ReportingSettings",
    "BooksState",
    "Cell",
    "ChangeKind",
    "ChangeState",
    "ConversationTotal",
    "DayFold",
    "DaySlice",
    "DemoAct",
    "DemoRun",
    "DerivedPrice",
    "Exposition",
    "FeeEvery",
    "ImportRun",
    "ImportStatus",
    "InvoiceLine",
    "Label",
    "LanguageModel",
    "LineState",
    "ListChange",
    "ListComparison",
    "Outcome",
    "OwnPrice",
    "Price",
    "PriceAdjustment",
    "PriceBookState",
    "PriceChange",
    "PriceListCheck",
    "PriceListEdition",
    "ProvenHour",
    "Provider",
    "RerateLine",
    "RerateRun",
    "RerateState",
    "RerateStep",
    "RerateSum",
    "RetentionRun",
    "RollupDifference",
    "Subscription",
    "Sweep",
    "TaskFold",
    "TaskSlice",
    "TaskTakenBack",
    "TaskTotal",
    "UsageDay",
    "UsageKey",
    "UsageQuarter",
    "UsageQuarterBy",
    "UsageRecord",
    "UsedModel",
    "WasteSlice",
]
