"""The grammars that come with the program, each read when a text first needs it."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from threading import Lock

from services.classifier.lexicon import Grammar, Lexicon
from shared.config.document import load_document

HOME = Path(__file__).parent / "grammar"


class Grammars(Mapping[str, Lexicon]):
    """Language → lexicon. `ConfigError` names the line of a mistake. Safe to share between threads."""

    def __init__(self, home: Path = HOME) -> None:
        self._files = {path.stem: path for path in sorted(home.glob("*.yaml"))}
        self._read: dict[str, Lexicon] = {}
        self._lock = Lock()

    def __getitem__(self, language: str) -> Lexicon:
        if language not in self._read:
            file = self._files[language]
            with self._lock:
                self._read.setdefault(language, Lexicon(load_document(file, Grammar)))
        return self._read[language]

    def __iter__(self) -> Iterator[str]:
        return iter(self._files)

    def __len__(self) -> int:
        return len(self._files)
