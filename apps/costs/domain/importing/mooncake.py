"""The Mooncake traces: requests of a chat service with the identity of each 512-token block of their prompts.

Source: kvcache-ai/Mooncake, `FAST25-release/traces/*.jsonl` (Apache-2.0). A line is
`{"timestamp": ms, "input_length", "output_length", "hash_ids": [...]}`. A `hash_id` stands for one block of 512 tokens
together with all blocks before it. Blocks at the start of a prompt that an earlier line began with as well are read
from the cache: `cache_read_input_tokens` is 512 times their number, at most the whole input.

The trace names no model and no date: both have to be given. The reader remembers every block of the file it has seen,
about 100 bytes each.
"""

from collections.abc import Iterator, Mapping
from datetime import timedelta
from itertools import takewhile
from typing import Any

from .fields import present, whole
from .rows import items, json_values
from .shapes import UNDATED_START, Format, Item, Options, Read, TextSource

BLOCK_TOKENS = 512


def read(stream: TextSource, options: Options) -> Iterator[Item]:
    """One call for each line, in the order of the file."""
    seen: set[int] = set()

    def one(number: int, row: Mapping[str, Any]) -> Item:
        passed = timedelta(milliseconds=whole(row["timestamp"], "timestamp"))
        input_tokens, blocks = whole(row["input_length"], "input_length"), row["hash_ids"]
        known = sum(1 for _ in takewhile(seen.__contains__, blocks))
        seen.update(blocks)
        record = {
            "provider": options.provider,
            "model": options.model,
            "input_tokens": input_tokens,
            "output_tokens": whole(row["output_length"], "output_length"),
            **present(cache_read_input_tokens=min(known * BLOCK_TOKENS, input_tokens), agent=options.agent),
        }
        return Read(number, UNDATED_START + passed, record)

    return items(json_values(stream), one)


FORMAT = Format("mooncake", "Mooncake trace (JSON lines)", read, names_model=False, is_dated=False)
