"""What the usage API does with bodies: wrong envelopes, gzip, sizes, and traps that were measured elsewhere."""

import gzip
import json
from typing import Any

import pytest

from apps.costs.models import UsageRecord
from tests.cast import HeldKey
from tests.costs.posting import JSON, call, only_result, post, posted

pytestmark = pytest.mark.django_db


class TestEnvelopes:
    @pytest.mark.parametrize(
        "body",
        [b"", b" ", b"[]", b"[{}]", b"1", b'"a"', b"null", b"{", b'{"a":}', b"{'a': 1}", b"\xff", b"\xef\xbb\xbf{}",
         b'{"records": {}}', b'{"records": []}', b'{"records": null}', b'{"records": 3}', b"NaN",
         b'{"records": [{"quality": NaN}]}', b'{"records": [{"quality": Infinity}]}'],
    )  # fmt: skip
    def test_what_is_not_the_envelope_is_400(self, writer: HeldKey, body: bytes) -> None:
        answer = post(writer, body)
        assert (answer.status_code, answer["Content-Type"]) == (400, "application/problem+json")
        assert answer.json()["detail"]

    def test_an_empty_object_is_a_record_that_lacks_everything(self, writer: HeldKey) -> None:
        answer = post(writer, b"{}")
        assert answer.status_code == 422
        assert len(answer.json()["errors"]) == 4

    def test_a_thousand_records_and_not_one_more(self, writer: HeldKey) -> None:
        assert posted(writer, [call()] * 1000)["accepted"] == 1000
        answer = post(writer, [call()] * 1001)
        assert answer.status_code == 400
        assert "1000" in answer.json()["detail"]

    def test_other_content_types_are_415(self, writer: HeldKey) -> None:
        for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"):
            assert writer.client.post("/api/usage", b"a=1", content_type=kind).status_code == 415

    def test_gzip_is_read(self, writer: HeldKey) -> None:
        body = gzip.compress(json.dumps({"records": [call()] * 50}).encode())
        answer = post(writer, body, content_encoding="gzip")
        assert (answer.status_code, answer.json()["accepted"]) == (200, 50)

    @pytest.mark.parametrize(
        ("body", "encoding"),
        [
            (b"{}", "gzip"),
            (gzip.compress(b"{}", mtime=0)[:-3], "gzip"),
            (gzip.compress(b"{}", mtime=0) + b"{}", "gzip"),
            (gzip.compress(b"{}", mtime=0) * 2, "gzip"),
            (b"{}", "br"),
            (b"{}", "gzip, gzip"),
        ],
    )
    def test_broken_or_unknown_encodings_are_400(self, writer: HeldKey, body: bytes, encoding: str) -> None:
        assert post(writer, body, content_encoding=encoding).status_code == 400

    def test_a_gzip_bomb_is_413(self, writer: HeldKey) -> None:
        bomb = gzip.compress(b" " * 100_000_000)
        assert len(bomb) < 100_000
        assert post(writer, bomb, content_encoding="gzip").status_code == 413

    def test_up_to_5_mib_are_read_and_no_byte_more(self, writer: HeldKey) -> None:
        record = json.dumps(call()).encode()
        full = record + b" " * (5 * 1024 * 1024 - len(record))
        assert posted(writer, full)["accepted"] == 1
        assert post(writer, full + b" ").status_code == 413

    def test_who_may_not_write_is_refused_before_the_body_is_read(self, reader: HeldKey, charlie: Any) -> None:
        assert post(reader, b"{").status_code == 403
        assert charlie.post("/api/usage", b"{", content_type=JSON).status_code == 401


class TestTraps:
    """What was measured to go wrong elsewhere, each by its name."""

    def test_a_body_of_3_mb_is_not_refused_by_the_framework(self, writer: HeldKey) -> None:
        assert posted(writer, call(output_tokens=None, output_text="word " * 600_000))["accepted"] == 1
        assert UsageRecord.objects.get().output_tokens > 500_000

    def test_a_nul_character_costs_only_its_record(self, writer: HeldKey) -> None:
        odd: list[dict[str, Any]] = [{"task_type": "x\0"}, {"tags": {"\0": "x"}}, {"nobody_knows": [{"a": ["\0"]}]}]
        named = [call(id=name, **fields) for name, fields in zip("bcd", odd, strict=True)]
        last = [call(id="e", input_text="\0"), call(id="f\0"), call(id="g", user="\\u0000")]
        told = posted(writer, [call(id="a"), *named, *last])
        assert [one["status"] for one in told["results"]] == ["accepted", *["rejected"] * 5, "accepted"]
        assert [one["id"] for one in told["results"]] == ["a", "b", "c", "d", "e", None, "g"]
        assert {one["errors"][0]["code"] for one in told["results"][1:6]} == {"nul"}

    def test_half_a_surrogate_pair_costs_only_its_record(self, writer: HeldKey) -> None:
        users = [call(id="a"), call(id="b", user="\ud83d"), call(id="c", user="🦊")]
        told = posted(writer, [*users, call(id="\udc00"), call(id="e", **{"\ud800": 1})])
        assert [one["status"] for one in told["results"]] == [
            "accepted",
            "rejected",
            "accepted",
            "rejected",
            "rejected",
        ]
        assert [one["id"] for one in told["results"]] == ["a", "b", "c", None, "e"]
        assert told["results"][1]["errors"][0]["code"] == "surrogate"

    @pytest.mark.parametrize("number", ["1" * 30, "1" * 5000, "-" + "9" * 400, "1e400", "-1e400"])
    def test_a_number_past_all_bounds_costs_only_its_record(self, writer: HeldKey, number: str) -> None:
        body = json.dumps({"records": [call(id="a"), call(id="b", input_tokens=7777777), call(id="c")]})
        told = posted(writer, body.replace("7777777", number).encode())
        assert [one["status"] for one in told["results"]] == ["accepted", "rejected", "accepted"]
        assert told["results"][1]["errors"][0]["path"] == "input_tokens"

    def test_a_small_number_with_an_exponent_is_no_count(self, writer: HeldKey) -> None:
        body = json.dumps(call(input_tokens=7777777)).replace("7777777", "1e3").encode()
        assert post(writer, body).json()["errors"][0]["code"] == "type"

    @pytest.mark.parametrize("depth", [100, 400, 600, 800, 900, 950, 975, 1000, 5000, 100_000])
    def test_deep_nesting_is_answered(self, writer: HeldKey, depth: int) -> None:
        deep = "[" * depth + '"\\u0000"' * (depth % 3 == 0) + "]" * depth
        body = json.dumps({"records": [call(id="a"), call(id="b", odd=7777777)]}).replace("7777777", deep)
        answer = post(writer, body.encode())
        assert answer.status_code in (200, 400)
        if answer.status_code == 200:
            assert UsageRecord.objects.filter(usage_id="a").exists()

    @pytest.mark.parametrize(
        ("text", "tokens"),
        [("<|endoftext|>", 7), (" " * 1_000_000, None), ("a" * 1_000_000, None), ("<|im_start|>" * 10, None)],
        ids=["endoftext", "a million spaces", "a million letters", "im_start"],
    )
    def test_texts_that_break_tokenizers_are_counted(self, writer: HeldKey, text: str, tokens: int | None) -> None:
        assert only_result(writer, output_tokens=None, output_text=text)["status"] == "accepted"
        found = UsageRecord.objects.get().output_tokens
        assert 0 < found <= len(text)
        assert tokens is None or found == tokens

    def test_a_thousand_of_the_largest_amounts_add_up(self, writer: HeldKey) -> None:
        largest = "999999999999.999999999999999"
        for _ in range(3):
            told = posted(writer, [call(cost_usd=largest, conversation_id="c", user="u") for _ in range(500)])
            assert told["cost_usd"] == "499999999999999.9999999999995"
