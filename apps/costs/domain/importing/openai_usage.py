"""OpenAI's usage export: sums per bucket of time, project, user, key, model, batch and service tier.

Source: the "completions" CSV of the usage dashboard, whose columns are the fields of `GET
/v1/organization/usage/completions` (developers.openai.com/api/docs/api-reference/usage) plus `input_uncached_tokens`
and the counts by kind (`input_text_tokens`, `input_cached_audio_tokens`, …). The API's own JSON pages are read as well.

`input_tokens` includes cached tokens. A row stands for `num_model_requests` calls, so it becomes one record with that
many `calls`, which counts for cost and tokens but not for success or latency. Counts by kind are used where the file
has them, since the documentation calls `input_tokens` "text" tokens while the CSV adds audio and images to it: the sum
of the kinds is right either way. Without them, audio is added to the text.
Batch rows are billed at the batch rate. The export says nothing of reasoning tokens: they are part of the output.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from .fields import SERVICE_TIERS, moment, present, tags, text, whole
from .rows import Broken, items, table
from .shapes import BadFile, Format, Item, LeftOut, Options, Read, Record, TextSource

NEEDED = ("start_time", "num_model_requests", "model", "input_tokens", "output_tokens")


def read(stream: TextSource, options: Options) -> Iterator[Item]:
    """One aggregate for each row; empty buckets are left out."""

    def one(number: int, row: Mapping[str, Any]) -> Item:
        calls, counts = whole(row.get("num_model_requests"), "num_model_requests"), _tokens(row)
        if not calls and not any(counts.values()):
            return LeftOut(number, "a bucket without requests")
        if not calls:
            raise ValueError("the row has tokens, but no requests")
        model = options.model or text(row.get("model"))
        if not model:
            raise ValueError("the row is not grouped by model: export it by model, or give --model")
        record = {"provider": options.provider or "openai", "model": model, "calls": calls, "requests": calls}
        return Read(number, moment(row["start_time"], "start_time"), record | counts | _who(row, options))

    return items(_results(table(stream, NEEDED)), one)


def _results(rows: Iterator[Any]) -> Iterator[Any]:
    """Rows of a CSV as they are; pages and buckets of the API opened up. Raises BadFile for the costs export."""
    for row in _opened(rows):
        if isinstance(row, dict) and not row.keys().isdisjoint(("amount", "amount_value")):
            raise BadFile("These are costs, not usage: export the completions usage instead.")
        yield row


def _opened(rows: Iterator[Any]) -> Iterator[Any]:
    for row in rows:
        if isinstance(row, Broken) or not ("results" in row or "data" in row):
            yield row
            continue
        for bucket in row.get("data", [row]):
            for result in bucket.get("results") or [{}]:
                yield {"start_time": bucket.get("start_time"), **result}


def _tokens(row: Mapping[str, Any]) -> Record:
    def of(name: str) -> int:
        return whole(row.get(name), name)

    by_kind = row.get("input_text_tokens") not in (None, "")
    media_in, media_out = of("input_audio_tokens") + of("input_image_tokens"), of("output_audio_tokens")
    media_out += of("output_image_tokens")
    cached_audio, cached_image = of("input_cached_audio_tokens"), of("input_cached_image_tokens")
    cached = of("input_cached_text_tokens") + cached_audio + cached_image if by_kind else of("input_cached_tokens")
    return {
        "input_tokens": (of("input_text_tokens") if by_kind else of("input_tokens")) + media_in,
        "output_tokens": (of("output_text_tokens") if by_kind else of("output_tokens")) + media_out,
        **present(
            cache_read_input_tokens=cached,
            input_audio_tokens=of("input_audio_tokens"),
            input_image_tokens=of("input_image_tokens"),
            output_audio_tokens=of("output_audio_tokens"),
            output_image_tokens=of("output_image_tokens"),
            cache_read_input_audio_tokens=cached_audio,
            cache_read_input_image_tokens=cached_image,
        ),
    }


def _who(row: Mapping[str, Any], options: Options) -> Record:
    batch = str(row.get("batch")).lower() == "true"
    named = {"openai_project": row.get("project_id"), "openai_key": row.get("api_key_id")}
    return present(
        agent=options.agent,
        user=text(row.get("user_id")),
        tags=tags(named),
        service_tier="batch" if batch else SERVICE_TIERS.get(str(row.get("service_tier"))),
    )


FORMAT = Format("openai-usage-csv", "OpenAI usage export (CSV, or the usage API's JSON)", read)
