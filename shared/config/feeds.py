"""`feeds.yaml`: which feeds are polled. Read whole; edited in place, every other byte left as its author wrote it."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from difflib import get_close_matches
from io import StringIO
from pathlib import Path

from ruamel.yaml import YAML
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from shared.config.document import Document, find, parse_document, read_document, validate
from shared.config.replace import locked, replace_text
from shared.errors import ConfigError
from shared.models.base import Model
from shared.models.feed import Feed


class FeedsFile(Model):
    """`feeds.yaml`."""

    feeds: tuple[Feed, ...]


def load_feeds(path: Path) -> tuple[Feed, ...]:
    return _feeds(read_document(path))


def add_feed(path: Path, feed: Feed) -> None:
    """Put `feed` after the last one. Raises `ConfigError` when its address is there already."""

    def edit(document: Document, feeds: tuple[Feed, ...]) -> tuple[str, tuple[Feed, ...]]:
        urls = [known.url for known in feeds]
        if feed.url in urls:
            line = _line(document, urls.index(feed.url))
            raise ConfigError(f"{document.path}:{line}: the address {feed.url} is there already")
        return _with_items(document, _items([feed])), (*feeds, feed)

    _edit(path, edit)


def add_feeds(path: Path, more: Iterable[Feed]) -> list[Feed]:
    """Put those of `more`, each of an address of its own, after the last one that are not there yet. Returns them."""
    added: list[Feed] = []

    def edit(document: Document, feeds: tuple[Feed, ...]) -> tuple[str, tuple[Feed, ...]]:
        known = {feed.url for feed in feeds}
        added.extend(feed for feed in more if feed.url not in known)
        return _with_items(document, _items(added)) if added else document.text, (*feeds, *added)

    _edit(path, edit)
    return added


def remove_feed(path: Path, url_or_name: str) -> Feed:
    """Take one feed out, with the comments inside it. Raises `ConfigError` when none, or more than one, is meant."""
    removed: list[Feed] = []

    def edit(document: Document, feeds: tuple[Feed, ...]) -> tuple[str, tuple[Feed, ...]]:
        index = _meant(document, feeds, url_or_name)
        removed.append(feeds[index])
        return _without_item(document, index), (*feeds[:index], *feeds[index + 1 :])

    _edit(path, edit)
    return removed[0]


Edit = Callable[[Document, tuple[Feed, ...]], tuple[str, tuple[Feed, ...]]]


def _edit(path: Path, edit: Edit) -> None:
    """Apply `edit` under a lock, and write its text only if it reads back as the feeds that were meant."""
    path = path.resolve()  # a link stays a link
    with locked(path.parent):
        document = read_document(path)
        text, expected = edit(document, _feeds(document))
        if not _reads_as(path, text, expected):
            raise ConfigError(f"{path}: its layout is too unusual to be edited safely; edit it by hand")
        if text != document.text:
            replace_text(path, text)


def _reads_as(path: Path, text: str, expected: tuple[Feed, ...]) -> bool:
    try:
        return _feeds(parse_document(path, text)) == expected
    except ConfigError:
        return False


def _feeds(document: Document) -> tuple[Feed, ...]:
    feeds = validate(document, FeedsFile).feeds
    if problems := list(_duplicates(document, feeds)):
        raise ConfigError(*problems)
    return feeds


def _duplicates(document: Document, feeds: tuple[Feed, ...]) -> Iterator[str]:
    first: dict[str, int] = {}
    for index, feed in enumerate(feeds):
        earlier = first.setdefault(feed.url, index)
        if earlier != index:
            text = f"the same address as on line {_line(document, earlier)}: {feed.url}; allowed: each address once"
            yield document.problem(("feeds", index, "url"), text)


def _line(document: Document, index: int) -> int:
    return find(document.root, ("feeds", index, "url")).line


def _meant(document: Document, feeds: tuple[Feed, ...], url_or_name: str) -> int:
    found = [index for index, feed in enumerate(feeds) if feed.url == url_or_name]
    found = found or [index for index, feed in enumerate(feeds) if feed.name == url_or_name]
    if not found:
        nearest = get_close_matches(url_or_name, [text for feed in feeds for text in (feed.name, feed.url)], n=1)
        hint = f"; did you mean {nearest[0]}?" if nearest else ""
        raise ConfigError(f"{document.path}: no feed has the address or name {url_or_name}{hint}")
    if len(found) > 1:
        lines = ", ".join(str(_line(document, index)) for index in found)
        raise ConfigError(f"{document.path}: {url_or_name} is the name of feeds on lines {lines}; give the address")
    return found[0]


def _items(feeds: Sequence[Feed]) -> str:
    """The feeds as items of a YAML list, defaults left out."""
    out = StringIO()
    yaml = YAML()
    yaml.width = 10_000
    yaml.dump([feed.model_dump(mode="json", exclude_defaults=True) for feed in feeds], out)
    return out.getvalue()


def _with_items(document: Document, items: str) -> str:
    text, sequence = document.text, _sequence(document)
    if sequence.value:
        column, at = sequence.start_mark.column, _line_end(text, _end(text, sequence.value[-1]))
    else:
        column = document.root.start_mark.column + 2
        start, end = sequence.start_mark.index, sequence.end_mark.index
        text = text[:start].rstrip(" ") + text[end:]
        at = _line_end(text, len(text[:start].rstrip(" ")))
    newline = "\r\n" if "\r\n" in text else "\n"
    head = text[:at] if text[:at].endswith("\n") else text[:at] + newline
    block = "".join(f"{' ' * column}{line}{newline}" for line in items.splitlines())
    return head + block + text[at:]


def _without_item(document: Document, index: int) -> str:
    text, sequence = document.text, _sequence(document)
    node = sequence.value[index]
    start = _dash_line(text, node.start_mark.index, sequence.start_mark.column)
    cut = text[:start] + text[_line_end(text, _end(text, node)) :]
    if len(sequence.value) > 1:
        return cut
    colon = text.index(":", _key(document).end_mark.index) + 1
    return cut[:colon] + " []" + cut[colon:]


def _sequence(document: Document) -> SequenceNode:
    node = find(document.root, ("feeds",)).node
    if not isinstance(node, SequenceNode) or (node.flow_style and node.value):
        raise ConfigError(
            document.problem(("feeds",), "is written as [...]; give each feed its own `- url:` to edit it")
        )
    return node


def _key(document: Document) -> ScalarNode:
    return next(key for key, _ in document.root.value if isinstance(key, ScalarNode) and key.value == "feeds")


def _dash_line(text: str, index: int, column: int) -> int:
    """Where the line with the item's dash begins; the dash may stand lines above the item's first key."""
    start = text.rfind("\n", 0, index) + 1
    while start > 0 and text[start + column : start + column + 1] != "-":
        start = text.rfind("\n", 0, start - 1) + 1
    return start


def _end(text: str, node: Node) -> int:
    """Behind the last character of the node's content; a block node's own mark lies beyond the comments below it."""
    while isinstance(node, MappingNode | SequenceNode) and node.value and not node.flow_style:
        last = node.value[-1]
        node = last[1] if isinstance(node, MappingNode) else last
    return len(text[: node.end_mark.index].rstrip())


def _line_end(text: str, index: int) -> int:
    """Behind the line break that follows `index`."""
    return text.find("\n", index) + 1 or len(text)
