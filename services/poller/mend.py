"""XML that is nearly well-formed → XML, as far as that loses nothing (pure).

One feed in thirty has a bare ampersand, a control character, an entity of HTML, an undeclared prefix, or something
before its beginning or after its end. Mended, it costs a twentieth of what feedparser takes for it.
"""

import re
from html.entities import html5

_DECLARATION = re.compile(r"\s*<\?xml\b[^>]*>")
_ROOT = re.compile(r"<(?:rss|feed|rdf:RDF|urlset)(?=[\s>])", re.IGNORECASE)
_BEGINS_WITHIN = 4096
_ENDS = ("</rss>", "</feed>", "</rdf:RDF>", "</urlset>")
_NO_CHARACTER = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")
_CDATA_OR_COMMENT = re.compile(r"(<!\[CDATA\[.*?(?:\]\]>|\Z))|<!--.*?-->", re.DOTALL)
_BARE = re.compile(r"&(?!#[0-9]{1,8};|#x[0-9a-f]{1,6};|[a-z][a-z0-9]{0,31};)", re.IGNORECASE)
_REFERENCE = re.compile(
    r"&(?:#(?:x([0-9a-f]+)|([0-9]+))|(?!(?-i:amp|lt|gt|quot|apos);)([a-z][a-z0-9]*));", re.IGNORECASE
)
_SURROGATE = re.compile("[\ud800-\udfff]")
_PREFIX_OF_TAG = re.compile(r"<([A-Za-z_][\w.-]*):[\w.-]")
_PREFIX_OF_ATTRIBUTE = re.compile(r"\s([A-Za-z_][\w.-]*):[\w.-]+\s*=")
_DECLARED = re.compile(r"\sxmlns:([\w.-]+)\s*=")
# What everybody knows, and some forget to declare.
_KNOWN = {
    "atom": "http://www.w3.org/2005/Atom",
    "content": "http://purl.org/rss/1.0/modules/content/",
    "dc": "http://purl.org/dc/elements/1.1/",
    "dcterms": "http://purl.org/dc/terms/",
    "media": "http://search.yahoo.com/mrss/",
    "news": "http://www.google.com/schemas/sitemap-news/0.9",
    "rdf": "http://www.w3.org/1999/02/22-rdf-syntax-ns#",
    "sy": "http://purl.org/rss/1.0/modules/syndication/",
}


def mended(body: bytes) -> bytes:
    """UTF-8 in and out; the result may still be malformed."""
    text = _without_comments_that_never_end(_NO_CHARACTER.sub("", _trimmed(body.decode("utf-8", "replace"))))
    own_entities = "<!ENTITY" in text
    pieces = [piece or "" for piece in _CDATA_OR_COMMENT.split(text)]
    pieces[::2] = [_with_references(piece, own_entities) for piece in pieces[::2]]
    return _whole(_with_prefixes("".join(pieces))).encode()


def _trimmed(text: str) -> str:
    """From the XML declaration, which has told its encoding, to the end of the root."""
    text = text.lstrip()
    if declaration := _DECLARATION.search(text, 0, _BEGINS_WITHIN):
        text = text[declaration.end() :]
    elif (root := _ROOT.search(text, 0, _BEGINS_WITHIN)) and not text.startswith(("<!", "<?")):
        text = text[root.start() :]
    end = max(text.rfind(tag) + len(tag) if tag in text else 0 for tag in _ENDS)
    return text[:end] if end else text


def _without_comments_that_never_end(text: str) -> str:
    """A search for each of their ends would take for ever."""
    end = text.rfind("-->")
    return text[: max(end, 0)] + text[max(end, 0) :].replace("<!--", "")


def _with_references(text: str, own_entities: bool) -> str:
    def mended_reference(match: re.Match[str]) -> str:
        hexadecimal, decimal, name = match.groups()
        if name is None:
            return _mended_number(int(hexadecimal, 16) if hexadecimal else int(decimal), match[0])
        if own_entities:
            return match[0]
        meaning = html5.get(f"{name};")
        return "".join(f"&#{ord(character)};" for character in meaning) if meaning else f"&amp;{name};"

    return _REFERENCE.sub(mended_reference, _BARE.sub("&amp;", text))


def _mended_number(code: int, reference: str) -> str:
    """Halves of surrogate pairs are no characters by themselves; careless publishers write emoji so."""
    if 0xD800 <= code <= 0xDFFF:
        return chr(code)
    return "" if code > 0x10FFFF or _NO_CHARACTER.fullmatch(chr(code)) else reference


def _whole(text: str) -> str:
    if _SURROGATE.search(text) is None:
        return text
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _with_prefixes(text: str) -> str:
    """Every prefix declared; one that is unknown stands for itself."""
    used = {*_PREFIX_OF_TAG.findall(text), *_PREFIX_OF_ATTRIBUTE.findall(text)}
    undeclared = sorted(used - {"xml", "xmlns", *_DECLARED.findall(text)})
    declarations = "".join(f' xmlns:{name}="{_KNOWN.get(name, f"urn:undeclared:{name}")}"' for name in undeclared)
    return _ROOT.sub(lambda root: root[0] + declarations, text, count=1) if declarations else text
