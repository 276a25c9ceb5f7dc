"""A document in whatever encoding → UTF-8 (pure)."""

import codecs
import re
from collections.abc import Iterator

# XML 1.0, appendix F: byte order marks, and how `<` or `<?xm` looks without one.
_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
)
_SIGNATURES = (
    (b"\0\0\0<", "utf-32-be"),
    (b"<\0\0\0", "utf-32-le"),
    (b"\0<", "utf-16-be"),
    (b"<\0", "utf-16-le"),
    (b"\x4c\x6f\xa7\x94", "cp037"),
)
_STATED = re.compile(rb"""\s*<\?xml[^>]*?\bencoding\s*=\s*["']([A-Za-z][\w.:-]*)""")
_STATED_BY_PAGE = re.compile(rb"""<meta\s[^>]*?\bcharset\s*=\s*["']?([A-Za-z][\w.:-]*)""", re.IGNORECASE)
_STATED_WITHIN = 1024  # HTML Standard, 4.2.5.4
# What is written under these names is in truth what their vendors made of them (WHATWG Encoding, 4.2).
_TRUE_NAMES = {
    "ascii": "cp1252", "iso8859-1": "cp1252", "iso8859-9": "cp1254", "iso8859-11": "cp874", "tis-620": "cp874",
    "gb2312": "gb18030", "gbk": "gb18030", "shift_jis": "cp932", "euc_kr": "cp949", "big5": "big5hkscs",
}  # fmt: skip
# What servers say when nobody has told them.
_DEFAULTS = ("ascii", "iso8859-1")
_FOREIGN = bytes(range(0x80, 0x100))
_TOLERATED = 0.05


def as_utf8(body: bytes, charset: str | None) -> bytes:
    """The document in UTF-8, without a byte order mark. What it states of its encoding stays, and is no longer true.

    Believed are, in this order (RFC 7303, 3, but for the second): a byte order mark; UTF-8, which no other text looks
    like, even where some bytes are not; `charset` of the Content-Type header, unless it is a mere default; the XML
    declaration or, in a page, the meta element; and then ISO 8859-1, which takes anything.
    """
    for mark, encoding in _MARKS:
        if body.startswith(mark):
            rest = body.removeprefix(mark)
            return _decoded(rest, encoding) or rest.decode(encoding, "replace").encode()
    for signature, encoding in _SIGNATURES:
        if body.startswith(signature) and (text := _decoded(body, encoding)) is not None:
            return text
    # The encodings of ISO 2022 consist of ASCII and escapes.
    if b"\x1b" not in body and (text := _nearly_utf8(body)) is not None:
        return text
    return next(text for name in _candidates(body, charset) if (text := _decoded(body, name)) is not None)


def _candidates(body: bytes, charset: str | None) -> Iterator[str]:
    match = _STATED.match(body) or _STATED_BY_PAGE.search(body, 0, _STATED_WITHIN)
    names = [_canonical(charset), _canonical(match[1].decode()) if match else None]
    if names[0] in _DEFAULTS:
        names.reverse()
    for name in names:
        if name:
            yield _TRUE_NAMES.get(name, name)
            yield name
    yield "utf-8"
    yield "latin-1"


def _canonical(name: str | None) -> str | None:
    try:
        return codecs.lookup(name).name if name else None
    except (LookupError, ValueError):
        return None


def _decoded(body: bytes, encoding: str) -> bytes | None:
    try:
        # A codec such as base64 is none of text, and says so by a LookupError.
        text = body.decode(encoding)
        return body if encoding == "utf-8" else text.encode()
    except (LookupError, ValueError):
        return None


def _nearly_utf8(body: bytes) -> bytes | None:
    if (whole := _decoded(body, "utf-8")) is not None:
        return whole
    text = body.decode("utf-8", "replace")
    foreign = len(body) - len(body.translate(None, _FOREIGN))
    return text.encode() if text.count("\ufffd") <= foreign * _TOLERATED else None
