"""Topic packs from their directories: the rule, the gazetteer, the speakers, and one file for each language."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from hashlib import sha256
from pathlib import Path
from types import MappingProxyType
from typing import ParamSpec, TypeVar

from shared.config.document import Document, parse_document, read_text, validate
from shared.config.problems import unknown
from shared.errors import ConfigError
from shared.models.allowed import Location
from shared.models.pack import (
    PLACES_FILE,
    RULE_FILE,
    SPEAKERS_FILE,
    LanguageForms,
    Places,
    Speakers,
    TopicPack,
    TopicRule,
)

_OTHER_FILES = frozenset({RULE_FILE, PLACES_FILE, SPEAKERS_FILE})
M = TypeVar("M", bound=TopicRule | Places | Speakers | LanguageForms)
T = TypeVar("T")
P = ParamSpec("P")


def topic_directories(directory: Path) -> tuple[Path, ...]:
    """Those with a file of a pack. `ConfigError` if there is none, or one cannot be looked into."""
    homes = tuple(home for home in _inside(directory) if home.is_dir() and pack_files(home))
    if not homes:
        raise ConfigError(f"{directory}: no topic; a directory with a {RULE_FILE} is needed")
    return homes


def pack_files(directory: Path) -> tuple[Path, ...]:
    """The files of one pack, without what editors hide beside them. Raises `ConfigError`."""
    return tuple(path for path in _inside(directory) if path.match("*.y*ml") and not path.name.startswith("."))


def _inside(directory: Path) -> list[Path]:
    """A directory that may not be read has to be told: `glob` takes it for empty."""
    try:
        return sorted(directory.iterdir())
    except OSError as error:
        raise ConfigError(f"{directory}: {(error.strerror or str(error)).lower()}") from None


@dataclass(frozen=True, slots=True)
class PackSource:
    """The files of one pack as they stood at one moment, by name."""

    directory: Path
    texts: Mapping[str, str]

    @property
    def digest(self) -> str:
        """Of every name and byte."""
        digest = sha256()
        for name, text in sorted(self.texts.items()):
            for part in (name.encode(), text.encode()):
                digest.update(len(part).to_bytes(8, "big") + part)
        return digest.hexdigest()

    def document(self, name: str) -> Document:
        return parse_document(self.directory / name, self.texts[name])

    @property
    def languages(self) -> tuple[str, ...]:
        return tuple(name for name in self.texts if name not in _OTHER_FILES)

    def changed(self, before: "PackSource") -> frozenset[str]:
        """The names of the files that came, went, or are not as they were."""
        names = self.texts.keys() | before.texts.keys()
        return frozenset(name for name in names if self.texts.get(name) != before.texts.get(name))


def read_pack(directory: Path) -> PackSource:
    """Raises `ConfigError` with every file that cannot be read, or would not be."""
    problems = Problems()
    texts = {path.name: text for path in pack_files(directory) if (text := problems.of(read_text, path)) is not None}
    for name in texts:
        if name.endswith(".yml"):
            problems.add(f"{directory / name}: not read; call it {Path(name).stem}.yaml")
    if RULE_FILE not in texts and not problems:
        problems.add(f"{directory / RULE_FILE}: no such file or directory")
    problems.report()
    return PackSource(directory, texts)


def load_topic_pack(directory: Path) -> TopicPack:
    return parse_pack(read_pack(directory))


def parse_pack(source: PackSource, known: Mapping[str, LanguageForms] = MappingProxyType({})) -> TopicPack:
    """Raises `ConfigError` with every problem of the files by themselves; if none, of the files beside each other.

    `known` are the forms of language files that were read before and are as they were.
    """
    problems = Problems()
    document = cache(source.document)

    def read(name: str, model: type[M]) -> M | None:
        return problems.of(lambda: validate(document(name), model)) if name in source.texts else None

    rule = read(RULE_FILE, TopicRule)
    places = read(PLACES_FILE, Places) or Places(places={})
    speakers = read(SPEAKERS_FILE, Speakers) or Speakers(classes=(), speakers={})
    languages = {name: forms for name in source.languages if (forms := known.get(name) or read(name, LanguageForms))}
    if not source.languages:
        problems.add(f"{source.directory}: no forms; a file such as en.yaml is needed beside {RULE_FILE}")
    if rule is None or problems:
        raise ConfigError(*problems.found)
    pack = TopicPack(topic=rule, languages=tuple(languages.values()), places=places.places, speakers=speakers.speakers)
    for name, at, text in (*_disagreements(source.directory.name, pack, languages), *_unknown_classes(speakers)):
        problems.add(document(name).problem(at, text))
    problems.report()
    return pack


@dataclass(slots=True)
class Problems:
    """Gathers what is wrong, so that a person hears all of it at once."""

    found: list[str] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.found)

    def add(self, problem: str) -> None:
        self.found.append(problem)

    def of(self, act: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T | None:
        """What `act` returns; None, and its problems gathered, when it raises `ConfigError`."""
        try:
            return act(*args, **kwargs)
        except ConfigError as error:
            self.found += error.problems
            return None

    def report(self) -> None:
        """Raises `ConfigError` if there are any."""
        if self.found:
            raise ConfigError(*self.found)


Disagreement = tuple[str, Location, str]


def _disagreements(directory: str, pack: TopicPack, languages: Mapping[str, LanguageForms]) -> Iterator[Disagreement]:
    """Each with the name of the file in which it stands."""
    if pack.name != directory:
        yield RULE_FILE, ("name",), f"must be the directory's name, {directory}"
    yield from _unknown_in_rule(pack.topic)
    for name, place in pack.places.items():
        if place.within and place.within not in pack.places:
            yield PLACES_FILE, ("places", name, "within"), _no_such(place.within, PLACES_FILE, [*pack.places])
    yield from _twice(languages)
    for name, forms in languages.items():
        yield from ((name, at, text) for at, text in _unknown_names(Path(name).stem, forms, pack))


def _unknown_in_rule(rule: TopicRule) -> Iterator[Disagreement]:
    for role, event in rule.roles.items():
        if event not in rule.events:
            yield RULE_FILE, ("roles", role), _no_such(event, RULE_FILE, [*rule.events])
    for name in rule.replies:
        if name not in rule.aspects:
            yield RULE_FILE, ("replies", name), _no_such(name, RULE_FILE, rule.aspects)


def _unknown_classes(speakers: Speakers) -> Iterator[Disagreement]:
    for name, whose in speakers.speakers.items():
        if whose not in speakers.classes:
            yield SPEAKERS_FILE, ("speakers", name), unknown(f"`{whose}` is not in classes", whose, speakers.classes)


def _twice(languages: Mapping[str, LanguageForms]) -> Iterator[Disagreement]:
    """`en.yaml` and `en-GB.yaml`: a text is read in a language, not in a country's variety of it."""
    first: dict[str, str] = {}
    for name, forms in languages.items():
        other = first.setdefault(forms.language.split("-")[0], name)
        if other != name:
            yield name, ("language",), f"{other} has this language already; put all its forms into one file"


def _unknown_names(stem: str, forms: LanguageForms, pack: TopicPack) -> Iterator[tuple[Location, str]]:
    rule = pack.topic
    if forms.language != stem:
        yield ("language",), f"must be the file's name, {stem}"
    known = {
        "concepts": (RULE_FILE, sorted(rule.rule.concepts)),
        "places": (PLACES_FILE, [*pack.places]),
        "events": (RULE_FILE, [*rule.events]),
        "roles": (RULE_FILE, [*rule.roles]),
        "aspects": (RULE_FILE, [*rule.aspects]),
        "speakers": (SPEAKERS_FILE, [*(pack.speakers or forms.speakers)]),
    }
    for part, (file, names) in known.items():
        for name in getattr(forms, part):
            if name not in names:
                yield (part, name), _no_such(name, file, names)
    for index, example in enumerate(forms.examples.match):
        if example.event is not None and example.event not in rule.events:
            yield ("examples", "match", index, "event"), _no_such(example.event, RULE_FILE, [*rule.events])


def _no_such(name: str, file: str, names: Sequence[str]) -> str:
    return unknown(f"`{name}` is not in {file}", name, names)
