"""Counting tokens offline: exact, approximate, trimmed, and never with a wrong vocabulary."""

import hashlib
import socket
import tarfile
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest
import tiktoken
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tiktoken_ext import openai_public

from apps.costs.domain import tokens
from apps.costs.domain.tokens import VocabularyError, counting, ensure_vocabularies
from apps.costs.domain.tokens.vocabularies import ARCHIVE, CL100K_BASE, VOCABULARIES

BUFFER, SHARE = Decimal("1.1"), Decimal("0.8")
LONG = "The quick brown fox, 42 times; über die Brücke.\n" * 6_000


@pytest.fixture
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: object) -> None:
        raise AssertionError(f"the network was asked for: {args}")

    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    monkeypatch.setattr(socket.socket, "connect", refuse)


@pytest.fixture
def fresh_encodings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Path]:
    """tiktoken as in a new process, looking for its vocabularies in an empty folder."""
    monkeypatch.setenv("TIKTOKEN_CACHE_DIR", str(tmp_path))
    monkeypatch.setattr("tiktoken.registry.ENCODINGS", {})
    counting._encoding.cache_clear()
    yield tmp_path
    counting._encoding.cache_clear()


@pytest.mark.parametrize(
    ("text", "model", "expected"),
    [
        ("", "gpt-4o", 0),
        ("hello world", "gpt-4o", 2),
        ("hello world", "gpt-4", 2),
        ("tiktoken is great!", "gpt-4", 6),
        ("antidisestablishmentarianism", "gpt-4", 6),
        ("2 + 2 = 4", "gpt-4", 7),
        ("お誕生日おめでとう", "gpt-4", 9),
        ("お誕生日おめでとう", "gpt-4o", 8),
        ("<|endoftext|>", "gpt-4o", 7),
        ("\ud800", "gpt-4o", 1),
    ],
)
def test_counts(text: str, model: str, expected: int) -> None:
    assert tokens.count(text, model) == expected


@pytest.mark.parametrize(
    ("model", "vocabulary"),
    [
        ("gpt-4", "cl100k_base"),
        ("gpt-4-0613", "cl100k_base"),
        ("gpt-3.5-turbo", "cl100k_base"),
        ("text-embedding-3-small", "cl100k_base"),
        ("text-davinci-003", "cl100k_base"),
        ("gpt-4o", "o200k_base"),
        ("gpt-4.1-mini", "o200k_base"),
        ("gpt-5-nano", "o200k_base"),
        ("openai/gpt-oss-120b", "o200k_base"),
        ("openai/GPT-4", "cl100k_base"),
        ("claude-sonnet-4-5", "o200k_base"),
        ("", "o200k_base"),
    ],
)
def test_the_vocabulary_of_a_model(model: str, vocabulary: str) -> None:
    assert tokens.vocabulary_of(model) == vocabulary


@pytest.mark.parametrize("model", ["gpt-4", "gpt-4o"])
def test_a_long_text_cut_between_words_counts_as_in_one_piece(model: str) -> None:
    encoding = tiktoken.get_encoding(tokens.vocabulary_of(model))

    assert len(LONG.encode()) > 2 * 100_000
    assert tokens.count(LONG, model) == len(encoding.encode(LONG))


@pytest.mark.parametrize("text", [" " * 1_000_000, "a" * 1_000_000, "\n" * 1_000_000, "é" * 300_000, "!" * 1_000_000])
@pytest.mark.parametrize("model", ["gpt-4", "gpt-4o"])
def test_a_long_run_of_one_character_is_counted(text: str, model: str) -> None:
    assert 0 < tokens.count(text, model) <= len(text)


@given(st.text(max_size=400))
@settings(deadline=None)
def test_pieces_hold_the_whole_text(text: str) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(counting, "_PIECE_BYTES", 40)
        pieces = list(counting._pieces(text))

    assert "".join(pieces) == text
    assert all(len(piece.encode("utf-8", "surrogatepass")) <= 40 for piece in pieces)


WORDS = st.text("aX1,.'-\n\t   ", max_size=4)


@given(st.lists(WORDS, max_size=40), st.sampled_from(["gpt-4", "gpt-4o"]))
@example([" . ", ".11", " \t\n", "\t1", " \t ", "", "."], "gpt-4")
@example([",  ", "Xa,", "X", "1'", "", "X  ", " '"], "gpt-4o")
@settings(deadline=None)
def test_cuts_before_a_word_never_change_the_count(words: list[str], model: str) -> None:
    text = " a".join(words)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(counting, "_PIECE_BYTES", 12)
        assert tokens.count(text, model) == len(tiktoken.get_encoding(tokens.vocabulary_of(model)).encode(text))


def test_a_trimmed_text_fits_even_where_cuts_fall_within_a_word(monkeypatch: pytest.MonkeyPatch) -> None:
    text = "interunizationalablenessnessnessinterizationintering"
    monkeypatch.setattr(counting, "_PIECE_BYTES", 16)

    # Its last 9 tokens are 11 once the cuts fall in other places; a shorter end fits.
    assert tokens.count(counting._cut(text, 9, "gpt-4o", "end"), "gpt-4o") == 11
    assert tokens.count(tokens.trim(text, 9, "gpt-4o", Decimal(1), "end"), "gpt-4o") <= 9


@pytest.mark.parametrize(("words", "expected"), [(0, 0), (1, 2), (10, 11), (11, 13), (100, 110)])
def test_an_estimate_is_the_count_and_a_tenth_rounded_up(words: int, expected: int) -> None:
    assert tokens.approximate(" a" * words, "gpt-4o", BUFFER) == expected


def test_a_text_within_the_limit_stays_whole() -> None:
    assert tokens.trim(" a" * 100, 100, "gpt-4o", SHARE) == " a" * 100


@pytest.mark.parametrize(("keep", "expected"), [("start", " a" * 80), ("end", " a" * 79 + " z")])
def test_a_longer_text_keeps_four_fifths_of_the_limit(keep: tokens.Keep, expected: str) -> None:
    assert tokens.trim(" a" * 100 + " z", 100, "gpt-4o", SHARE, keep) == expected


@given(st.text(max_size=200), st.integers(0, 60), st.sampled_from(["start", "end"]))
@settings(deadline=None)
def test_a_trimmed_text_is_a_part_of_the_text_and_fits(text: str, limit: int, keep: tokens.Keep) -> None:
    trimmed = tokens.trim(text, limit, "gpt-4", SHARE, keep)

    assert tokens.count(trimmed, "gpt-4") <= (limit if trimmed == text else limit * SHARE)
    assert text.startswith(trimmed) if keep == "start" else text.endswith(trimmed)


@pytest.mark.parametrize(("limit", "share"), [(-1, SHARE), (10, Decimal("1.1")), (10, Decimal("-0.1"))])
def test_an_impossible_limit_is_refused(limit: int, share: Decimal) -> None:
    with pytest.raises(ValueError, match="a text is trimmed to a share"):
        tokens.trim("text", limit, "gpt-4o", share)


@pytest.mark.usefixtures("no_network")
def test_the_first_count_unpacks_what_it_needs_without_a_network(fresh_encodings: Path) -> None:
    assert tokens.count("hello world", "gpt-4") == 2
    assert tokens.count("hello world", "gpt-4o") == 2
    assert {path.name for path in fresh_encodings.iterdir()} == {one.cache_name for one in VOCABULARIES}


@pytest.mark.usefixtures("no_network")
def test_a_damaged_file_stops_the_count_and_stays_for_inspection(fresh_encodings: Path) -> None:
    damaged = fresh_encodings / CL100K_BASE.cache_name
    damaged.write_bytes(b"IQ== 0\n")

    with pytest.raises(VocabularyError, match=rf"cl100k_base has SHA-256 \w+, expected {CL100K_BASE.sha256}"):
        tokens.count("hello", "gpt-4")
    assert damaged.read_bytes() == b"IQ== 0\n"


def test_a_damaged_archive_is_refused_and_nothing_is_unpacked(tmp_path: Path) -> None:
    archive = tmp_path / "damaged.tar.xz"
    with tarfile.open(archive, "w:xz") as packed:
        for vocabulary in VOCABULARIES:
            file = tmp_path / f"{vocabulary.name}.tiktoken"
            file.write_text("IQ== 0\n")
            packed.add(file, file.name)

    with pytest.raises(VocabularyError, match="damaged.tar.xz"):
        ensure_vocabularies(tmp_path / "cache", archive)
    assert list((tmp_path / "cache").iterdir()) == []


def test_unpacking_twice_unpacks_once(tmp_path: Path) -> None:
    assert ensure_vocabularies(tmp_path) == ["cl100k_base", "o200k_base"]
    assert ensure_vocabularies(tmp_path) == []


def test_the_sums_are_those_tiktoken_expects(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: dict[str, tuple[str, str]] = {}

    def note(address: str, expected_hash: str) -> dict[bytes, int]:
        asked[address.rpartition("/")[2]] = (hashlib.sha1(address.encode()).hexdigest(), expected_hash)
        return {}

    monkeypatch.setattr(openai_public, "load_tiktoken_bpe", note)
    openai_public.cl100k_base()
    openai_public.o200k_base()

    assert asked == {f"{one.name}.tiktoken": (one.cache_name, one.sha256) for one in VOCABULARIES}
    assert (ARCHIVE.parent / "NOTICE").exists()
