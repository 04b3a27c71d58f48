"""OpenAI's usage export: sums per bucket of time, project, user, key, model, batch and service tier.

Source: the "completions" CSV of the usage dashboard, whose columns are the fields of `GET
/v1/organization/usage/completions` (developers.openai.com/api/docs/api-reference/usage) plus `input_uncached_tokens`
and the counts by kind (`input_text_tokens`, `input_cached_audio_tokens`, …). The API's own JSON pages are read as well.

`input_tokens` includes cached tokens and writes to the cache. A row stands for `num_model_requests` calls, so it
becomes one record with that many `calls`, which counts for cost and tokens but not for success or latency.

What the counts by kind mean changed. Today each (`input_text_tokens`, `input_audio_tokens`, `input_image_tokens`) is
what came neither from the cache nor went into it, and `input_tokens` is all of it together. Before, each held its
cached tokens, and `input_tokens` was their sum or, as once documented, the text alone. Which of the two a row means
its own sum tells. Without counts by kind, audio is added to the text.
Batch rows are billed at the batch rate. The export says nothing of reasoning tokens: they are part of the output.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from .fields import SERVICE_TIERS, moment, present, tags, text, whole
from .rows import items, table
from .shapes import BadFile, Format, Item, LeftOut, Options, Read, Record, TextSource

NEEDED = ("start_time", "num_model_requests", "model", "input_tokens", "output_tokens")
KINDS = ("text", "audio", "image")


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
        if not isinstance(row, dict) or not ("results" in row or "data" in row):
            yield row
            continue
        pages = row.get("data", [row])
        for bucket in pages if isinstance(pages, list) else [pages]:
            yield from _bucket(bucket)


def _bucket(bucket: Any) -> Iterator[Any]:
    results = bucket.get("results") if isinstance(bucket, dict) else None
    if isinstance(bucket, dict) and not results:
        yield {"start_time": bucket.get("start_time")}
    elif not isinstance(results, list):
        yield bucket
    else:
        for result in results:
            yield {"start_time": bucket.get("start_time"), **result} if isinstance(result, dict) else result


def _tokens(row: Mapping[str, Any]) -> Record:
    def of(name: str) -> int:
        return whole(row.get(name), name)

    text_in, audio_in, image_in = (of(f"input_{kind}_tokens") for kind in KINDS)
    text_cached, audio_cached, image_cached = (of(f"input_cached_{kind}_tokens") for kind in KINDS)
    # Both are parts of the input; the longer kept ones have no rate of their own in any price list.
    written = of("input_cache_write_tokens") + of("input_cache_write_12h_tokens")
    cached = max(text_cached + audio_cached + image_cached, of("input_cached_tokens"))
    total, by_kind = of("input_tokens"), text_in + audio_in + image_in
    if row.get("input_text_tokens") in (None, ""):
        total += audio_in + image_in
    elif total == by_kind + cached + written:
        audio_in, image_in = audio_in + audio_cached, image_in + image_cached
    else:
        total = max(total, by_kind)
    return {
        "input_tokens": total,
        "output_tokens": _output(row),
        **present(
            cache_read_input_tokens=cached,
            cache_creation_input_tokens=written,
            input_audio_tokens=audio_in,
            input_image_tokens=image_in,
            output_audio_tokens=of("output_audio_tokens"),
            output_image_tokens=of("output_image_tokens"),
            cache_read_input_audio_tokens=audio_cached,
            cache_read_input_image_tokens=image_cached,
        ),
    }


def _output(row: Mapping[str, Any]) -> int:
    text_out, audio_out, image_out = (
        whole(row.get(name), name) for name in (f"output_{kind}_tokens" for kind in KINDS)
    )
    total = whole(row.get("output_tokens"), "output_tokens")
    if row.get("output_text_tokens") in (None, ""):
        return total + audio_out + image_out
    return max(total, text_out + audio_out + image_out)


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
