"""Bodies are decoded as labelled, within bounds of bytes and of memory."""

import gzip
import subprocess
import sys
import zlib
from collections.abc import Callable
from contextlib import suppress

import brotli  # type: ignore[import-untyped]  # it publishes no types
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.errors import BadEncoding, TooLarge
from shared.http.decode import BoundedBody

MB = 1024 * 1024


def bare_deflate(data: bytes) -> bytes:
    stream = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return stream.compress(data) + stream.flush()


def two_members(data: bytes) -> bytes:
    half = len(data) // 2
    return gzip.compress(data[:half]) + gzip.compress(data[half:])


Coding = tuple[str, Callable[[bytes], bytes]]
STREAMS: list[Coding] = [
    ("gzip", gzip.compress),
    ("deflate", zlib.compress),
    ("deflate", bare_deflate),
    ("br", brotli.compress),
]
CODINGS: list[Coding] = [*STREAMS, ("gzip", two_members), ("x-gzip", gzip.compress), ("identity", bytes)]


def decode(body: bytes, coding: str, max_bytes: int = MB, step: int = 1000, truncate: bool = False) -> bytes:
    bounded = BoundedBody(coding, max_bytes, truncate=truncate)
    for start in range(0, len(body), step):
        if not bounded.feed(body[start : start + step]):
            break
    return bounded.finish()


@given(st.binary(max_size=2000), st.lists(st.sampled_from(CODINGS), max_size=4), st.integers(1, 500))
def test_stacked_and_split_however_the_content_comes_back(data: bytes, stack: list[Coding], step: int) -> None:
    body = data
    for _, encode in stack:
        body = encode(body)
    assert decode(body, ", ".join(name for name, _ in stack), step=step) == data


@given(st.data(), st.sampled_from(STREAMS), st.binary(min_size=1, max_size=500))
def test_a_body_that_stops_in_the_middle_is_bad(data: st.DataObject, coding: Coding, content: bytes) -> None:
    name, encode = coding
    body = encode(content)
    cut = data.draw(st.integers(1, len(body) - 1))
    with pytest.raises(BadEncoding):
        decode(body[:cut], name)


@given(st.binary(max_size=500), st.lists(st.sampled_from(["gzip", "deflate", "br"]), max_size=4), st.integers(1, 50))
def test_any_bytes_decode_or_are_refused(body: bytes, codings: list[str], step: int) -> None:
    with suppress(BadEncoding, TooLarge):  # anything else fails the test
        decode(body, ",".join(codings), step=step)


@pytest.mark.parametrize("coding", ["gzip", "deflate", "br"])
def test_plain_text_under_the_label_of_a_coding_is_bad(coding: str) -> None:
    with pytest.raises(BadEncoding):
        decode(b"<rss version='2.0'></rss>", coding)


@pytest.mark.parametrize("coding", ["gzip", "deflate", "br", "gzip, br"])
def test_an_empty_body_is_complete_in_every_coding(coding: str) -> None:
    assert decode(b"", coding) == b""


def test_a_damaged_checksum_is_bad() -> None:
    body = bytearray(gzip.compress(b"text" * 100))
    body[-6] ^= 1
    with pytest.raises(BadEncoding):
        decode(bytes(body), "gzip")


def test_padding_after_the_last_gzip_member_is_ignored() -> None:
    for step in (1, 7, 1000):
        assert decode(two_members(b"text") + b"\0" * 20 + b"\x1f", "gzip", step=step) == b"text"


def test_a_second_gzip_member_that_stops_in_the_middle_is_bad() -> None:
    with pytest.raises(BadEncoding):
        decode(two_members(b"text")[:-3], "gzip")


@pytest.mark.parametrize("label", ["", "identity", "none", "UTF-8", " , "])
def test_a_label_that_names_no_coding_leaves_the_body_alone(label: str) -> None:
    assert decode(b"text", label) == b"text"


@pytest.mark.parametrize("label", ["zstd", "compress", "gzip, rot13", ", ".join(["gzip"] * 5)])
def test_an_unknown_coding_or_too_high_a_stack_is_bad(label: str) -> None:
    with pytest.raises(BadEncoding):
        BoundedBody(label, MB)


@pytest.mark.parametrize(("coding", "encode"), CODINGS)
def test_the_limit_counts_decoded_bytes_exactly(coding: str, encode: Callable[[bytes], bytes]) -> None:
    assert decode(encode(b"a" * 1000), coding, max_bytes=1000) == b"a" * 1000
    with pytest.raises(TooLarge):
        decode(encode(b"a" * 1001), coding, max_bytes=1000)
    assert decode(encode(b"a" * 1001), coding, max_bytes=1000, truncate=True) == b"a" * 1000


def test_truncation_wants_no_more_once_it_has_enough() -> None:
    body = BoundedBody("", 4, truncate=True)
    assert body.feed(b"abc")
    assert not body.feed(b"d")
    assert body.finish() == b"abcd"


@pytest.mark.parametrize("coding", ["gzip", "deflate", "gzip, gzip"])
def test_bytes_that_decode_to_nothing_are_counted_too(coding: str) -> None:
    empty_blocks = b"\x00\x00\x00\xff\xff" * 200_000
    nothing = {"gzip": gzip.compress(b"") * 50_000, "deflate": empty_blocks}
    body = nothing[coding] if coding in nothing else gzip.compress(nothing["gzip"])
    with pytest.raises(TooLarge):
        decode(body, coding, max_bytes=1000)


BOMB = """
import re, sys
from pathlib import Path
from shared.errors import TooLarge
from shared.http.decode import BoundedBody

def peak():
    return int(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1]) * 1024

body, coding, max_bytes = sys.stdin.buffer.read(), sys.argv[1], int(sys.argv[2])
before = peak()
try:
    BoundedBody(coding, max_bytes).feed(body)
except TooLarge:
    print(peak() - before)
"""


def repeated(coding: str, megabytes: int) -> bytes:
    """Zeros, compressed without ever holding them all."""
    if coding == "br":
        stream = brotli.Compressor(quality=5)
        return b"".join(stream.process(bytes(MB)) for _ in range(megabytes)) + bytes(stream.finish())
    packer = zlib.compressobj(9, wbits=31 if coding == "gzip" else 15)
    return b"".join(packer.compress(bytes(MB)) for _ in range(megabytes)) + packer.flush()


@pytest.mark.skipif(sys.platform != "linux", reason="reads the peak of memory from /proc")
@pytest.mark.parametrize("coding", ["gzip", "deflate", "br", "gzip, gzip", "br, br"])
def test_a_bomb_costs_no_more_memory_than_the_limit(coding: str) -> None:
    """256 MB arrive as one chunk under a limit of 8 MB; decoders' windows and the pieces get 8 MB more."""
    bomb = repeated(coding.partition(", ")[0], 256)
    if ", " in coding:
        bomb = gzip.compress(bomb) if coding.startswith("gzip") else brotli.compress(bomb)
    assert len(bomb) < MB
    child = subprocess.run(
        [sys.executable, "-c", BOMB, coding, str(8 * MB)], input=bomb, capture_output=True, check=True
    )
    assert 0 < int(child.stdout) < 16 * MB
