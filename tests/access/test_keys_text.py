"""The text of a key: shape, checksum, digest."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.access.domain import keys


def test_a_new_key_is_wellformed_and_never_the_same() -> None:
    made = {keys.make_key() for _ in range(200)}
    assert len(made) == 200
    assert all(keys.is_wellformed(key) for key in made)
    assert {len(key) for key in made} == {37}


@given(position=st.integers(4, 36), letter=st.sampled_from(keys.ALPHABET))
def test_one_wrong_letter_is_noticed(position: int, letter: str) -> None:
    key = keys.make_key()
    mistyped = key[:position] + letter + key[position + 1 :]
    assert keys.is_wellformed(mistyped) == (mistyped == key)


@pytest.mark.parametrize("text", ["", "bsr_", "x" * 37, "bsr_" + "0" * 33, "bsr_" + "é" * 33, "bsr_" + "\0" * 33])
def test_other_text_is_not_a_key(text: str) -> None:
    assert not keys.is_wellformed(text)


def test_the_digest_is_sha256_of_the_whole_key() -> None:
    key = keys.make_key()
    assert keys.digest(key) == hashlib.sha256(key.encode()).digest()


def test_what_lists_show_hides_the_random_part() -> None:
    key = keys.make_key()
    assert keys.shown_prefix(key) == key[:8]
    assert keys.last4(key) == key[33:]
