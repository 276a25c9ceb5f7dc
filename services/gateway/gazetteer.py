"""The places of the topics, read from their packs: what each is called, and where it lies."""

from collections.abc import Iterator, Mapping
from pathlib import Path

from shared.config.document import parse_document, read_text, validate
from shared.config.watch import Watch
from shared.errors import ConfigError
from shared.logs import get_logger
from shared.models.pack import PLACES_FILE, Place, Places

log = get_logger()


class Gazetteer:
    """`directory`: of the topic packs. A file that changes is read anew; while it is wrong, that before counts."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._known: dict[str, Mapping[str, Place]] = {}
        self._watch = Watch(self._files)
        self._read()

    def of(self, topic: str) -> Mapping[str, Place]:
        """By the place's id; empty for a topic that names none."""
        if self._watch.changed():
            self._read()
        return self._known.get(topic, {})

    def _files(self) -> Iterator[Path]:
        return self._directory.glob(f"*/{PLACES_FILE}")

    def _read(self) -> None:
        for path in self._files():
            try:
                self._known[path.parent.name] = validate(parse_document(path, read_text(path)), Places).places
            except ConfigError as error:
                log.warning("gazetteer.unreadable", file=str(path), error=str(error)[:300])
