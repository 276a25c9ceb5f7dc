"""Topic packs from their directories: the rule, the gazetteer, the speakers, and one file for each language."""

from collections.abc import Iterator
from pathlib import Path
from typing import TypeVar

from shared.config.document import Document, read_document, validate
from shared.errors import ConfigError
from shared.models.allowed import Location
from shared.models.pack import LanguageForms, Places, Speakers, TopicPack, TopicRule

RULE_FILE, PLACES_FILE, SPEAKERS_FILE = "topic.yaml", "places.yaml", "speakers.yaml"
_OTHER_FILES = frozenset({RULE_FILE, PLACES_FILE, SPEAKERS_FILE})
M = TypeVar("M", Places, Speakers)


def load_topic_pack(directory: Path) -> TopicPack:
    """Raises `ConfigError` with every problem of the first kind met: unreadable, misshapen, at odds with the rule."""
    rule_file = read_document(directory / RULE_FILE)
    rule = validate(rule_file, TopicRule)
    if rule.name != directory.name:
        raise ConfigError(rule_file.problem(("name",), f"must be the directory's name, {directory.name}"))
    files = {path: read_document(path) for path in language_files(directory)}
    languages = {path: validate(document, LanguageForms) for path, document in files.items()}
    if not languages:
        raise ConfigError(f"{directory}: no forms; a file such as en.yaml is needed beside {RULE_FILE}")
    pack = TopicPack(
        topic=rule,
        languages=tuple(languages.values()),
        places=_read(directory / PLACES_FILE, Places, Places(places={})).places,
        speakers=_read(directory / SPEAKERS_FILE, Speakers, Speakers(speakers={})).speakers,
    )
    problems = [*_role_problems(rule_file, rule), *_place_problems(directory, pack)]
    for path, forms in languages.items():
        problems += [files[path].problem(at, text) for at, text in _disagreements(path, forms, pack)]
    if problems:
        raise ConfigError(*problems)
    return pack


def _read(path: Path, model: type[M], without: M) -> M:
    return validate(read_document(path), model) if path.exists() else without


def language_files(directory: Path) -> tuple[Path, ...]:
    return tuple(sorted(path for path in directory.glob("*.yaml") if path.name not in _OTHER_FILES))


def _role_problems(document: Document, rule: TopicRule) -> Iterator[str]:
    for role, event in rule.roles.items():
        if event not in rule.events:
            yield document.problem(("roles", role), f"unknown event type `{event}`; allowed: {', '.join(rule.events)}")


def _place_problems(directory: Path, pack: TopicPack) -> Iterator[str]:
    for name, place in pack.places.items():
        if place.within and place.within not in pack.places:
            file = read_document(directory / PLACES_FILE)
            yield file.problem(("places", name, "within"), f"`{place.within}` is no place of this file")


def _disagreements(path: Path, forms: LanguageForms, pack: TopicPack) -> Iterator[tuple[Location, str]]:
    rule = pack.topic
    if forms.language != path.stem:
        yield ("language",), f"must be the file's name, {path.stem}"
    known = {
        "concepts": (RULE_FILE, sorted(rule.rule.concepts)),
        "places": (PLACES_FILE, [*pack.places]),
        "events": (RULE_FILE, [*rule.events]),
        "roles": (RULE_FILE, [*rule.roles]),
        "speakers": (SPEAKERS_FILE, [*(pack.speakers or forms.speakers)]),
    }
    for field, (file, names) in known.items():
        for name in getattr(forms, field):
            if name not in names:
                yield (field, name), f"not in {file}; allowed: {', '.join(names)}"
    for index, example in enumerate(forms.examples.match):
        if example.event is not None and example.event not in rule.events:
            yield ("examples", "match", index, "event"), f"not in {RULE_FILE}; allowed: {', '.join(rule.events)}"
