"""OpenRouter's activity export: one row per generation, with what it cost.

Source: the CSV of openrouter.ai/activity. Columns: `generation_id, created_at` (UTC)`, cost_total, cost_web_search,
cost_cache, cost_file_processing, byok_usage_inference, tokens_prompt, tokens_completion, tokens_reasoning,
tokens_cached, model_permaslug, provider_name, variant, cancelled, streamed, user, finish_reason_raw,
finish_reason_normalized, generation_time_ms, time_to_first_token_ms, api_key_disabled, api_key_name, app_name`; older
exports have fewer. Meanings: openrouter.ai/docs "Usage Accounting" and the fields of `GET /api/v1/generation`.

`tokens_prompt` includes cached tokens, `tokens_completion` includes reasoning. A part that exceeds its total, as
happens when the two were counted by different tokenizers, is cut to the total.
The cost is `cost_total`, of which the other `cost_…` columns are parts, plus `byok_usage_inference`, what the upstream
provider bills to a key of one's own. 0 is a price: free models cost nothing.
The provider is `openrouter`, which billed the call; the upstream one becomes the tag `upstream`.
"""

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

from .fields import moment, money, money_text, present, tags, text, whole
from .rows import csv_rows, items
from .shapes import Format, Item, Options, Read, Record, TextSource

NEEDED = ("generation_id", "created_at", "cost_total", "tokens_prompt", "tokens_completion", "model_permaslug")
PLAIN_VARIANTS = ("", "standard")


def read(stream: TextSource, options: Options) -> Iterator[Item]:
    """One call for each row."""

    def one(number: int, row: Mapping[str, Any]) -> Item:
        record = {"provider": options.provider or "openrouter", "model": options.model or text(_model(row))}
        record |= _tokens(row) | _ending(row) | _who(row, options)
        return Read(
            number, moment(row["created_at"], "created_at"), record | (_cost(row) if options.keep_costs else {})
        )

    return items(csv_rows(stream, NEEDED), one)


def _model(row: Mapping[str, Any]) -> str:
    variant = row.get("variant") or ""
    return f"{row['model_permaslug']}:{variant}" if variant not in PLAIN_VARIANTS else str(row["model_permaslug"])


def _tokens(row: Mapping[str, Any]) -> Record:
    prompt, completion = (
        whole(row["tokens_prompt"], "tokens_prompt"),
        whole(row["tokens_completion"], "tokens_completion"),
    )
    return {
        "input_tokens": prompt,
        "output_tokens": completion,
        **present(
            cache_read_input_tokens=min(whole(row.get("tokens_cached"), "tokens_cached"), prompt),
            reasoning_output_tokens=min(whole(row.get("tokens_reasoning"), "tokens_reasoning"), completion),
        ),
    }


def _ending(row: Mapping[str, Any]) -> Record:
    if str(row.get("cancelled")).lower() == "true":
        return {"status": "cancelled"}
    return {"status": "error", "error_type": "error"} if row.get("finish_reason_normalized") == "error" else {}


def _who(row: Mapping[str, Any], options: Options) -> Record:
    return present(
        agent=options.agent or text(row.get("app_name")),
        user=text(row.get("user")),
        response_id=text(row["generation_id"]),
        latency_ms=whole(row.get("generation_time_ms"), "generation_time_ms"),
        time_to_first_token_ms=whole(row.get("time_to_first_token_ms"), "time_to_first_token_ms"),
        tags=tags({"openrouter_key": row.get("api_key_name"), "upstream": row.get("provider_name")}),
    )


def _cost(row: Mapping[str, Any]) -> Record:
    total = money(row["cost_total"], "cost_total")
    own_key = money(row.get("byok_usage_inference"), "byok_usage_inference") or Decimal(0)
    return {} if total is None else {"cost_usd": money_text(total + own_key)}


FORMAT = Format("openrouter-activity", "OpenRouter activity export (CSV)", read)
