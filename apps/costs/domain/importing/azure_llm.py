"""The Azure LLM inference traces: when each request of a production service arrived and how many tokens it had.

Source: Azure/AzurePublicDataset, `AzureLLMInferenceTrace_*.csv` (CC-BY 4.0; cite "Splitwise", ISCA 2024).
Columns: `TIMESTAMP` (UTC, down to 100 ns; what is below a microsecond is cut off), `ContextTokens` (the input),
`GeneratedTokens` (the output). The trace names no model, so one has to be given.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from .fields import moment, present, whole
from .rows import csv_rows, items
from .shapes import Format, Item, Options, Read, TextSource

COLUMNS = ("TIMESTAMP", "ContextTokens", "GeneratedTokens")


def read(stream: TextSource, options: Options) -> Iterator[Item]:
    """One call for each line."""

    def one(number: int, row: Mapping[str, Any]) -> Item:
        record = {
            "provider": options.provider,
            "model": options.model,
            "input_tokens": whole(row["ContextTokens"], "ContextTokens"),
            "output_tokens": whole(row["GeneratedTokens"], "GeneratedTokens"),
            **present(agent=options.agent),
        }
        return Read(number, moment(row["TIMESTAMP"], "TIMESTAMP"), record)

    return items(csv_rows(stream, COLUMNS), one)


FORMAT = Format("azure-llm", "Azure LLM inference trace (CSV)", read, names_model=False)
