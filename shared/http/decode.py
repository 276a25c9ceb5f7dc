"""Decodes a response body within bounds: a body of 600 bytes can stand for 400 MB.

Codings of RFC 9110, 8.4.1, and brotli (RFC 7932), stacked in any order. Output is made in small pieces and counted
piece by piece, so that memory stays near the limit however high the compression is. Errors do not name the host.
"""

import io
import zlib
from collections.abc import Callable, Iterator, Sequence
from typing import Protocol

import brotli  # type: ignore[import-untyped]  # it publishes no types

from shared.errors import BadEncoding, TooLarge

ACCEPT_ENCODING = "gzip, deflate, br"

_PIECE = 64 * 1024
_MAX_CODINGS = 4
# Codings add a little to what they cannot compress, and bytes can decode to nothing at all, for ever.
_SLACK = 64 * 1024
_BARE_DEFLATE, _ZLIB, _GZIP = -zlib.MAX_WBITS, zlib.MAX_WBITS, 16 + zlib.MAX_WBITS


class BoundedBody:
    """Collects a body from its raw chunks.

    `content_encoding` is the header's value. `truncate`: end at `max_bytes` instead of raising TooLarge.
    """

    def __init__(self, content_encoding: str, max_bytes: int, *, truncate: bool = False) -> None:
        self._stages = [_Stage(coding, max_bytes + max_bytes // 8 + _SLACK) for coding in _codings(content_encoding)]
        self._max_bytes = max_bytes
        self._truncate = truncate
        self._cut = False
        self._kept = io.BytesIO()  # its getvalue() hands its buffer over instead of copying it

    def feed(self, chunk: bytes) -> bool:
        """Whether more is wanted. Raises TooLarge, BadEncoding."""
        try:
            for piece in _decoded(chunk, self._stages):
                self._keep(piece)
        except TooLarge:
            if not self._truncate:
                raise
            self._cut = True
        self._cut = self._cut or (self._truncate and self._kept.tell() == self._max_bytes)
        return not self._cut

    def _keep(self, piece: bytes) -> None:
        room = self._max_bytes - self._kept.tell()
        self._kept.write(piece[:room])
        if len(piece) > room:
            raise TooLarge(f"the body is larger than {self._max_bytes} bytes")

    @property
    def kept(self) -> bytes:
        """As much as has been decoded."""
        return self._kept.getvalue()

    def finish(self) -> bytes:
        """The decoded body. Raises BadEncoding if a coding stopped in the middle."""
        if not self._cut and not all(stage.complete for stage in self._stages):
            raise BadEncoding("the compressed body stops in the middle")
        return self.kept


class _Coding(Protocol):
    def feed(self, data: bytes) -> Iterator[bytes]: ...

    def complete(self) -> bool: ...


class _Stage:
    """One coding, with a count of what went into it."""

    def __init__(self, coding: _Coding, allowance: int) -> None:
        self._coding = coding
        self._allowance = allowance
        self._taken = 0

    def feed(self, data: bytes) -> Iterator[bytes]:
        self._taken += len(data)
        if self._taken > self._allowance:
            raise TooLarge(f"the compressed body is larger than {self._allowance} bytes")
        try:
            yield from self._coding.feed(data)
        except (zlib.error, brotli.error) as error:
            raise BadEncoding("the body is not compressed as its Content-Encoding says") from error

    @property
    def complete(self) -> bool:
        """An empty body is complete in every coding: servers label 304s and empty answers with one."""
        return not self._taken or self._coding.complete()


def _decoded(data: bytes, stages: Sequence[_Stage]) -> Iterator[bytes]:
    if not stages:
        yield data
    elif data:
        for piece in stages[0].feed(data):
            yield from _decoded(piece, stages[1:])


class _Gzip:
    """RFC 1952: members one after another; as in gzip(1), what follows them and starts no member is ignored."""

    def __init__(self) -> None:
        self._member = zlib.decompressobj(_GZIP)
        self._ended = False

    def feed(self, data: bytes) -> Iterator[bytes]:
        while data and not self._ended:
            if self._member.eof:
                self._ended = not data.startswith(b"\x1f")
                self._member = zlib.decompressobj(_GZIP)
            else:
                yield from _inflated(self._member, data)
                data = self._member.unused_data

    def complete(self) -> bool:
        return self._ended or self._member.eof


class _Deflate:
    """What the standard calls deflate (zlib, RFC 1950), and the bare RFC 1951 that many servers send instead."""

    def __init__(self) -> None:
        self._stream: zlib._Decompress | None = None

    def feed(self, data: bytes) -> Iterator[bytes]:
        if self._stream is None:
            has_zlib_header = data[0] & 0x0F == zlib.DEFLATED
            self._stream = zlib.decompressobj(_ZLIB if has_zlib_header else _BARE_DEFLATE)
        return _inflated(self._stream, data)

    def complete(self) -> bool:
        return self._stream is not None and self._stream.eof


def _inflated(stream: "zlib._Decompress", data: bytes) -> Iterator[bytes]:
    while not stream.eof:
        piece = stream.decompress(data, _PIECE)
        data = stream.unconsumed_tail
        yield piece
        if not data and len(piece) < _PIECE:
            return


class _Brotli:
    def __init__(self) -> None:
        self._stream = brotli.Decompressor()

    def feed(self, data: bytes) -> Iterator[bytes]:
        yield self._stream.process(data, output_buffer_limit=_PIECE)
        while not self._stream.can_accept_more_data():
            yield self._stream.process(b"", output_buffer_limit=_PIECE)

    def complete(self) -> bool:
        return bool(self._stream.is_finished())


_CODINGS: dict[str, Callable[[], _Coding]] = {"gzip": _Gzip, "x-gzip": _Gzip, "deflate": _Deflate, "br": _Brotli}
# The last two are no codings, but servers in the field send them and mean: none.
_NO_CODINGS = frozenset({"", "identity", "none", "utf-8"})


def _codings(content_encoding: str) -> list[_Coding]:
    """In the order of decoding, the reverse of the header's. Raises BadEncoding."""
    names = [name.strip().lower() for name in content_encoding.split(",")]
    names = [name for name in reversed(names) if name not in _NO_CODINGS]
    unknown = [name for name in names if name not in _CODINGS]
    if unknown:
        raise BadEncoding(f"Content-Encoding {unknown[0][:20]!r} is none of {', '.join(_CODINGS)}")
    if len(names) > _MAX_CODINGS:
        raise BadEncoding(f"{len(names)} codings on top of each other; at most {_MAX_CODINGS} are undone")
    return [_CODINGS[name]() for name in names]
