"""HTML → plain text (pure). Regular expressions, each of them linear: a tree costs five times as much."""

import html
import re

# Characters of markup to look at for each of text; if that is too few, so many times more.
_LOOK = 3
_INLINE = "a|abbr|acronym|b|bdi|bdo|big|cite|code|em|font|i|ins|kbd|mark|q|s|small|span|strike|strong|sub|sup|tt|u|wbr"
# A quoted value may hold `>`. The bound keeps a heap of opened quotes from being searched to its end again and again.
_REST = r"""(?:[^<>"']++|"[^"]{0,1000}+"|'[^']{0,1000}+')*+>"""
_UNSEEN = re.compile(
    r"<(?:!--.*?(?:-->|\Z)|!\[CDATA\[|(script|style|iframe|noscript)\b.*?(?:</\1\s*>|\Z))", re.DOTALL | re.IGNORECASE
)
# In lower case only, which takes half the time: a tag in capitals leaves a space.
_INLINE_TAG = re.compile(rf"</?(?:{_INLINE})(?:>|[\s/]{_REST})")
# A tag, a tag with stray quotes, a tag that was cut off, a declaration.
_TAG = re.compile(rf"<(?:/?[a-zA-Z](?:{_REST}|[^>]*>|[^\s>]*(?:\s[^>]*=[^>]*)?\Z)|[!?][^>]*(?:>|\Z))")
_NO_TEXT = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")


def plain(text: str, limit: int | None = None) -> str:
    """Markup and character references out, whitespace folded; at most `limit` characters."""
    if limit is not None:
        # The rest would be cut off anyway, unless nearly all of it is markup.
        look = limit * _LOOK
        while look < len(text):
            told = _plain(text[:look])
            if len(told) >= limit:
                return told[:limit].rstrip()
            look *= _LOOK
    return _plain(text)[:limit].rstrip()


def _plain(text: str) -> str:
    if "<" in text:
        text = _TAG.sub(" ", _INLINE_TAG.sub("", _UNSEEN.sub(" ", text))).replace("]]>", " ")
    if "&" in text:
        text = html.unescape(text)
    if text.isprintable():
        # Nothing in it but blanks needs folding, and no character means nothing: most text is like this.
        if "  " not in text:
            return text.strip()
    elif _NO_TEXT.search(text):
        text = _NO_TEXT.sub(_as_text, text)
    return " ".join(text.split())


def _as_text(character: re.Match[str]) -> str:
    """Controls between 0x80 and 0x9F are windows-1252 that was taken for ISO 8859-1; the others say nothing."""
    code = ord(character[0])
    return bytes((code,)).decode("cp1252", "ignore") if 0x80 <= code <= 0x9F else ""
