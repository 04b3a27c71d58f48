"""Readers of usage from files: each format a module, each row a record as `POST /api/usage` takes it."""

from . import (
    azure_llm,
    langfuse_observations,
    litellm_spendlogs,
    mooncake,
    openai_usage,
    openrouter_activity,
    tau_bench,
)
from .shapes import BadFile, Format, Item, LeftOut, Options, Read, Record, TextSource, Unreadable

FORMATS: dict[str, Format] = {
    module.FORMAT.name: module.FORMAT
    for module in (
        tau_bench,
        azure_llm,
        mooncake,
        litellm_spendlogs,
        openai_usage,
        openrouter_activity,
        langfuse_observations,
    )
}

__all__ = [
    "FORMATS",
    "BadFile",
    "Format",
    "Item",
    "LeftOut",
    "Options",
    "Read",
    "Record",
    "TextSource",
    "Unreadable",
]
