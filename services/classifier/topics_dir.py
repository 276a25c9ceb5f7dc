"""The topics directory, followed while the classifier runs."""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from services.classifier.cache import PackCache
from services.classifier.match import Matcher
from services.classifier.packs import load_matcher
from shared import metrics
from shared.config.topics import pack_files, topic_directories
from shared.config.watch import Watch
from shared.errors import ConfigError
from shared.logs import get_logger
from shared.metrics.labels import ConfigFile
from shared.models.pack import TopicPack

# A change is taken at the second look that finds it: within two of these and the time to load.
LOOK_EVERY_SECONDS = 0.5
log = get_logger()


@dataclass(slots=True)
class TopicsDir:
    """A context manager around a thread, which reads the packs anew whenever a file of theirs changes.

    `take` is given each matcher whose packs are sound and differ from those in force; the `built_in` ones are in each.
    Packs that are wrong leave those before in force, and are complained of once. A thread, since a job has a time limit
    of its own.
    """

    directory: Path
    cache: PackCache
    take: Callable[[Matcher], None]
    built_in: Sequence[TopicPack] = ()
    look_every_seconds: float = LOOK_EVERY_SECONDS
    versions: dict[str, str] = field(default_factory=dict)
    refused: bool = False
    _watch: Watch = field(init=False)
    _stop: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def __post_init__(self) -> None:
        self._watch = Watch(self._files)

    def load(self) -> None:
        """Read the packs and hand them over if they are others. Raises ConfigError."""
        matcher = load_matcher(self.directory, self.cache, self.built_in)
        before, self.versions = self.versions, matcher.versions
        if self.versions != before:
            self.take(matcher)
        self.refused = False
        metrics.TOPIC_PROBLEMS.set(0)
        metrics.config_read(ConfigFile.TOPICS, good=True)
        log.info("topics.loaded", versions=self.versions, changed=_changed(before, self.versions))

    def look(self) -> None:
        """Once."""
        if not self._watch.changed():
            return
        try:
            self.load()
        except ConfigError as error:
            self.refused = True
            metrics.TOPIC_PROBLEMS.set(len(error.problems))
            metrics.config_read(ConfigFile.TOPICS, good=False)
            log.error("topics.refused", problems=list(error.problems), in_force=self.versions)

    def complaint(self) -> str | None:
        """What is wrong with them, in a few words."""
        return "topics: refused, and those before are in force" if self.refused else None

    def _files(self) -> list[Path]:
        """None if one cannot be looked into: what is wrong is told when they are read."""
        try:
            return [path for home in topic_directories(self.directory) for path in pack_files(home)]
        except ConfigError:
            return []

    def _run(self) -> None:
        while not self._stop.wait(self.look_every_seconds):
            try:
                self.look()
            except Exception:  # the thread's last line: the next change may go better
                log.exception("topics.failed")

    def __enter__(self) -> "TopicsDir":
        self._thread = threading.Thread(target=self._run, name="topics", daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()


def _changed(before: dict[str, str], after: dict[str, str]) -> list[str]:
    """The topics that came, went, or are judged otherwise."""
    return sorted(name for name in before | after if before.get(name) != after.get(name))
