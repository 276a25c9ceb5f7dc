"""Topic packs that have met their examples, kept between processes: to read them as YAML and to try them is dear.

A file is JSON of a pack. It is named by the hash of the pack's files and of the engine that tried them, and is no more
than a saving: what is missing, spoiled, from elsewhere or cannot be written is as if there were no cache.
"""

import inspect
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache
from hashlib import sha256
from pathlib import Path

from pydantic import ValidationError

from shared.config.document import validate
from shared.config.replace import replace_text
from shared.config.topics import PackSource
from shared.errors import ConfigError
from shared.models.base import Model
from shared.models.pack import TopicPack

# Whatever has a part in whether a pack is valid and meets its examples. Being the sources themselves, they cannot be
# changed and the cache forgotten.
_ENGINE = (
    *Path(__file__).parent.rglob("*.*"),
    *(Path(inspect.getfile(part)) for part in (TopicPack, PackSource, validate)),
)


class CachedPack(Model):
    """`digest` is of the pack's JSON."""

    digest: str
    pack: TopicPack


@dataclass(frozen=True, slots=True)
class PackCache:
    """`directory` is made if the one above it is there. What this process took last of each topic is known, too."""

    directory: Path
    _last: dict[Path, tuple[PackSource, TopicPack]] = field(default_factory=dict)

    def load(self, source: PackSource) -> TopicPack | None:
        """The pack of these files, if it met its examples before."""
        try:
            cached = CachedPack.model_validate_json(self._path(source).read_bytes())
        except (OSError, ValidationError):
            return None
        mine = cached.digest == _digest(cached.pack) and cached.pack.name == source.directory.name
        if mine:
            self._last[source.directory] = source, cached.pack
        return cached.pack if mine else None

    def last(self, source: PackSource) -> tuple[PackSource, TopicPack] | None:
        """The pack of this directory that was taken last, and its files."""
        return self._last.get(source.directory)

    def keep(self, source: PackSource, pack: TopicPack) -> None:
        """In place of what was kept of this topic before."""
        self._last[source.directory] = source, pack
        path = self._path(source)
        text = CachedPack(digest=_digest(pack), pack=pack).model_dump_json()
        with suppress(OSError, ConfigError):
            self.directory.mkdir(exist_ok=True)
            replace_text(path, text)
            for old in self.directory.glob(f"{pack.name}.*.json"):
                if old != path:
                    old.unlink()

    def _path(self, source: PackSource) -> Path:
        key = sha256(f"{engine()}\n{source.digest}".encode()).hexdigest()[:32]
        return self.directory / f"{source.directory.name}.{key}.json"


@cache
def engine() -> str:
    """The hash of the code that judges, as this process began with it."""
    digest = sha256()
    for path in sorted(path for path in _ENGINE if path.suffix in (".py", ".yaml")):
        digest.update(path.read_bytes())
    return digest.hexdigest()


def _digest(pack: TopicPack) -> str:
    return sha256(pack.model_dump_json().encode()).hexdigest()
