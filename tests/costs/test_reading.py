"""A plain batch is read at once, and says of every record what reading it by itself says."""

from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from apps.costs.services.ingest.reading import Window, read

NOW = datetime(2026, 11, 18, 12, 7, tzinfo=UTC)
WINDOW = Window(NOW, NOW - timedelta(days=35), NOW + timedelta(minutes=5))
UUID = "019aa4d2-7c1e-7b3a-9c55-0a1b2c3d4e5f"
IDS = st.one_of(
    st.none(),
    st.uuids().map(str),
    st.sampled_from([UUID.upper(), UUID.replace("-", ""), f"{UUID} {UUID}", "a b", " a", "a ", "", "x" * 64, "x" * 65]),
    st.sampled_from(["call-1", "!~", "a\tb", "a\n", "ä", 7]),
    st.text("ab1 -", max_size=6),
)
MOMENTS = st.sampled_from([None, "2026-11-18T12:00:00Z", "2026-11-18T13:06:59.999999+01:00", "2026-01-01T00:00:00Z"])
COUNTS = st.sampled_from([0, 5, 10**12, -1, "5"])
RECORDS = st.fixed_dictionaries(
    {"provider": st.just("openai"), "model": st.just("gpt-4.1"), "input_tokens": COUNTS, "output_tokens": st.just(1)},
    optional={"id": IDS, "occurred_at": MOMENTS, "user": st.sampled_from(["ada", None]), "typo": st.just(1)},
)
BATCHES = st.one_of(
    st.lists(RECORDS, min_size=1, max_size=4),
    st.lists(st.builds(lambda record, one: record | {"id": one}, RECORDS, st.uuids().map(str)), min_size=1, max_size=4),
)


@settings(max_examples=200)
@given(BATCHES)
def test_together_says_what_each_alone_says(batch: list[dict[str, Any]]) -> None:
    fields = {name for record in batch for name in record}
    together = read(batch, fields=fields, window=WINDOW, odd_text_possible=False)
    alone = read(batch, fields=fields, window=WINDOW, odd_text_possible=True)
    assert [_told(one) for one in together[0]] == [_told(one) for one in alone[0]]
    assert together[1] == alone[1]


def _told(row: Any) -> tuple[Any, ...]:
    """What is known of a row; ids that the server gave differ."""
    given_ids = (row.id, row.id_hash) if row.usage.id else ("", "")
    usage = {name: getattr(row.usage, name) for name in row.usage.__struct_fields__}
    return (row.index, *given_ids, usage, row.fingerprint, row.occurred_at, row.quarter, row.unknown)
