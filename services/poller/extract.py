"""Bytes of a web page → the text of its article (pure, apart from being slow: run in a child, see `parsing`).

resiliparse finds the main text of most pages; where it finds too little, trafilatura tries, which costs ten times as
much. What the publisher does not want shown, or shows to subscribers only, is not taken.
"""

import re
from dataclasses import dataclass
from enum import StrEnum

from resiliparse.extract.html2text import extract_plain_text
from resiliparse.parse.html import HTMLTree

from services.poller.charset import as_utf8

# In bytes of UTF-8: a Han character says as much as three letters.
ENOUGH = 1_000
MAX_CHARACTERS = 100_000  # of what leaves the child
_NO_TEXT = re.compile("[\x00-\x08\x0e-\x1f\x7f\u200b\ufeff\ufffe\uffff\ud800-\udfff]")
_LOCKED = re.compile(r'"isAccessibleForFree"\s*:\s*"?(?:https?://schema\.org/)?false\b', re.IGNORECASE)
# Robots meta tags and X-Robots-Tag, as search engines have agreed on them.
_WITHHOLDING = frozenset({"noarchive", "nosnippet", "max-snippet:0"})
_WITH_VALUE = frozenset({"max-snippet", "max-image-preview", "max-video-preview", "unavailable_after"})


class Reserve(StrEnum):
    """Why a text was not taken although it may be there."""

    PAYWALL = "paywall"
    WITHHELD = "withheld"


@dataclass(frozen=True, slots=True)
class Extract:
    """`text`: a paragraph a line; empty if nothing was found, or if there is a `reserve`."""

    text: str = ""
    reserve: Reserve | None = None


def extract(body: bytes, charset: str | None, agent: str) -> Extract:
    """Read a page.

    Args:
        body: the decoded response body, of whatever kind.
        charset: of the Content-Type header.
        agent: our product token, for robots meta tags that name us.
    """
    html = as_utf8(body, charset).decode("utf-8", "replace")
    tree = HTMLTree.parse(html)
    reserve = _reserve(tree, agent)
    if reserve:
        return Extract(reserve=reserve)
    text = tidy(_quickly(tree))
    if weight(text) < ENOUGH:
        text = max(text, tidy(_thoroughly(html)), key=weight)
    return Extract(text[:MAX_CHARACTERS])


def weight(text: str) -> int:
    return len(text.encode())


def withholds(directives: str, agent: str) -> bool:
    """Whether an X-Robots-Tag asks us to keep nothing. `name:` before a directive says for whom it is, and the next."""
    ours = True
    for part in directives.lower().split(","):
        name, colon, rest = (piece.strip() for piece in part.partition(":"))
        directive = part.strip()
        if colon and name not in _WITH_VALUE:
            ours, directive = name in ("*", agent.lower()), rest
        if ours and directive.replace(" ", "") in _WITHHOLDING:
            return True
    return False


def tidy(text: str) -> str:
    """Whitespace folded, lines that say nothing left out."""
    lines = (" ".join(line.split()) for line in _NO_TEXT.sub("", text).splitlines())
    return "\n".join(line for line in lines if any(map(str.isalnum, line)))


def _quickly(tree: HTMLTree) -> str:
    return extract_plain_text(
        tree, main_content=True, list_bullets=False, alt_texts=False, comments=False, post_meta=False
    )


def _thoroughly(html: str) -> str:
    from trafilatura import extract as found_in  # noqa: PLC0415  20 MB and 0.2 s, and few pages need it

    return found_in(html, include_comments=False, include_tables=False) or ""


def _reserve(tree: HTMLTree, agent: str) -> Reserve | None:
    page = tree.document
    if page is None:
        return None
    tags = page.query_selector_all("meta[name][content]")
    said = (tag["content"] for tag in tags if tag["name"].lower() in ("robots", agent.lower()))
    if any(withholds(directives, agent) for directives in said):
        return Reserve.WITHHELD
    data = page.query_selector_all('script[type="application/ld+json" i]')
    marked = page.query_selector_all('[itemprop="isAccessibleForFree"][content="false" i]')
    return Reserve.PAYWALL if len(marked) or any(_LOCKED.search(script.text or "") for script in data) else None
