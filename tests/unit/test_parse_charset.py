"""Bytes in whatever encoding, stated rightly, wrongly or not at all, become UTF-8."""

import codecs

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.poller.charset import as_utf8
from services.poller.parse import parse

BASE = "https://news.example/rss"
KURSK = "Війська КНДР у Курській області"


def document(title: str, stated: str | None = None) -> str:
    head = f"<?xml version='1.0' encoding='{stated}'?>" if stated else "<?xml version='1.0'?>"
    return f"{head}<rss version='2.0'><channel><item><title>{title}</title></item></channel></rss>"


def title(body: bytes, charset: str | None = None) -> str:
    (item,) = parse(body, BASE, charset).items
    return item.title


@pytest.mark.parametrize(
    ("mark", "encoding"),
    [
        (codecs.BOM_UTF8, "utf-8"),
        (codecs.BOM_UTF16_LE, "utf-16-le"),
        (codecs.BOM_UTF16_BE, "utf-16-be"),
        (codecs.BOM_UTF32_LE, "utf-32-le"),
        (codecs.BOM_UTF32_BE, "utf-32-be"),
    ],
)
@pytest.mark.parametrize("stated", [None, "utf-16", "windows-1251"])
def test_a_byte_order_mark_is_stronger_than_any_statement(mark: bytes, encoding: str, stated: str | None) -> None:
    assert title(mark + document(KURSK, stated).encode(encoding), "iso-8859-1") == KURSK


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"])
def test_wide_encodings_are_known_by_their_first_tag(encoding: str) -> None:
    assert title(document(KURSK, "utf-16").encode(encoding)) == KURSK


def test_even_ebcdic_is_read() -> None:
    assert title(document("Kursk: 12,000", "cp037").encode("cp037")) == "Kursk: 12,000"


@pytest.mark.parametrize("stated", ["iso-8859-1", "windows-1251", "us-ascii", "euc-kr", "utf-16", "x-unknown"])
@pytest.mark.parametrize("charset", [None, "iso-8859-1", "koi8-r"])
def test_utf_8_is_known_whatever_is_stated(stated: str, charset: str | None) -> None:
    assert title(document(KURSK, stated).encode(), charset) == KURSK


def test_the_header_is_stronger_than_the_declaration_unless_it_is_a_mere_default() -> None:
    body = document(KURSK, "iso-8859-1").encode("windows-1251")
    assert title(body, "windows-1251") == KURSK
    body = document(KURSK, "windows-1251").encode("windows-1251")
    assert title(body, "iso-8859-1") == KURSK
    assert title(body, "us-ascii") == KURSK


@pytest.mark.parametrize(
    ("text", "stated", "truth"),
    [
        ("“Kursk” — 10 €", "iso-8859-1", "cp1252"),
        ("朝鲜军队镕", "gb2312", "gb18030"),
        ("①北朝鮮", "shift_jis", "cp932"),
        ("쿠르스크 똠", "euc-kr", "cp949"),
        ("İstanbul “şimdi”", "iso-8859-9", "cp1254"),
    ],
)
def test_a_name_is_taken_for_what_publishers_mean_by_it(text: str, stated: str, truth: str) -> None:
    assert title(document(text, stated).encode(truth)) == text


def test_an_encoding_of_escapes_is_not_taken_for_ascii() -> None:
    assert title(document("北朝鮮軍", "iso-2022-jp").encode("iso-2022-jp")) == "北朝鮮軍"


def test_a_few_foreign_bytes_do_not_spoil_the_rest() -> None:
    for stated in ("utf-8", "iso-8859-1"):
        body = document(KURSK * 3 + " ?", stated).encode().replace(b"?<", b"\x93<")
        assert title(body).startswith(KURSK)


def test_what_nobody_states_is_read_somehow() -> None:
    assert title(document("caf? d'hier").encode().replace(b"?", b"\xe9")) == "café d'hier"


@given(
    st.binary(max_size=100),
    st.sampled_from([None, "utf-8", "utf-16", "punycode", "base64", "undefined", "x", "", "\0"]),
)
def test_any_bytes_become_utf_8(body: bytes, charset: str | None) -> None:
    as_utf8(body, charset).decode()


@given(
    st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=50),
    st.sampled_from(["utf-8", "utf-16", "utf-32", "utf-8-sig"]),
)
def test_text_that_says_its_encoding_survives(text: str, encoding: str) -> None:
    assert as_utf8(f"<{text}".encode(encoding), None).decode() == f"<{text}"
