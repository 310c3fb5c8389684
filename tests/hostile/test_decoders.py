"""Whole examples of each format, damaged: taken, or refused by the decoder's own errors and no others.

A failure's bytes are written to ``corpus/<decoder>/`` and are tried from then on; put them under version control.
"""

from __future__ import annotations

import hashlib
import random

import decoders
import pytest
from decoders import CORPUS, DECODERS
from effort import EXAMPLES, drawn
from hypothesis import given, settings
from hypothesis import strategies as st

NAMES = [*DECODERS]
# What numbers, lengths, nests and texts go wrong with.
WORDS = [
    *(b"\0", b"\xff", b"\xff" * 8, b"\x80" + b"\0" * 7, b"\x7f" + b"\xff" * 7, b"-1", b"0", b"1e999", b"NaN", b"null"),
    *(
        b"true",
        b"[]",
        b"{}",
        b'"',
        b"\\ud800",
        b"9" * 400,
        b"[" * 2000,
        b'{"a":' * 500,
        b"\n",
        b",",
        b"2147483648",
        b"'",
    ),
    *(b"18446744073709551616", b"-0", b"0.1", b"[[[]]]", b"\xc3\x28", b"\xef\xbb\xbf", b"|O", b"('", b"()", b"__"),
]


def damaged(data: bytes, chance: random.Random) -> bytes:
    """Returns data that were cut, repeated, overwritten or given a dangerous word, in one to six places."""
    found = bytearray(data)
    for _ in range(chance.randint(1, 6)):
        at = chance.randrange(len(found) + 1)
        end = min(len(found), at + chance.choice([0, 1, 1, 2, 4, 8, 50]))
        way = chance.randrange(5)
        if way == 0:
            del found[at:end]
        elif way == 1:
            found[at:at] = found[at:end] * chance.randint(1, 3)
        elif way == 2:
            found[at:end] = chance.randbytes(end - at)
        elif way == 3 and at < len(found):
            found[at] ^= 1 << chance.randrange(8)
        else:
            found[at:end] = chance.choice(WORDS)
    return bytes(found)


def attempt(name: str, data: bytes) -> None:
    try:
        decoders.tried(name, data)
    except BaseException:
        folder = CORPUS / name
        folder.mkdir(parents=True, exist_ok=True)
        (folder / hashlib.sha256(data).hexdigest()[:16]).write_bytes(data)
        raise


@pytest.mark.parametrize("name", NAMES)
def test_an_example_is_taken_as_long_as_it_is_whole(name: str) -> None:
    # Those that are refused whole are no examples of the format, but of its shape.
    taken = [decoders.tried(name, data) for data in DECODERS[name].examples]
    assert any(taken) or name in ("safetensors", "params", "symbol", "manifest", "description")


@pytest.mark.parametrize("name", NAMES)
def test_a_damaged_example_is_taken_or_refused_by_the_decoders_own_errors(name: str) -> None:
    chance = drawn("decoder", name)
    for _ in range(10 * EXAMPLES):
        attempt(name, damaged(chance.choice(DECODERS[name].examples), chance))


@pytest.mark.parametrize("name", NAMES)
@settings(settings.get_profile("hostile"))
@given(data=st.binary(max_size=400))
def test_any_bytes_are_taken_or_refused_by_the_decoders_own_errors(name: str, data: bytes) -> None:
    attempt(name, data)


@pytest.mark.parametrize("name", NAMES)
def test_what_was_found_once_is_not_found_again(name: str) -> None:
    found = sorted((CORPUS / name).glob("*")) if (CORPUS / name).is_dir() else []
    for path in found:
        decoders.tried(name, path.read_bytes())
    assert {path.name for path in CORPUS.iterdir()} <= {*DECODERS, "README.md"}
