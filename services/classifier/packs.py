"""The topic packs of an installation, loaded, held to their own examples, and compiled."""

import functools
from collections.abc import Iterator, Sequence
from pathlib import Path

from services.classifier.cache import PackCache
from services.classifier.grammars import Grammars
from services.classifier.match import Matcher, compile_topics
from services.classifier.review import Remark, doubts, faults
from shared.config.topics import PackSource, Problems, parse_pack, read_pack, topic_directories
from shared.errors import ConfigError
from shared.models.allowed import Location
from shared.models.pack import LanguageForms, TopicPack
from shared.models.topic import TopicMatch
from shared.settings import Settings

CACHE = "cache"  # in the data directory


def installed_matcher(settings: Settings) -> Matcher:
    """The packs that the settings name, from the cache as far as it has them."""
    return load_matcher(settings.topics_dir, pack_cache(settings))


def pack_cache(settings: Settings) -> PackCache:
    return PackCache(settings.data_dir / CACHE)


def load_matcher(directory: Path, cache: PackCache | None = None, built_in: Sequence[TopicPack] = ()) -> Matcher:
    """Every pack under `directory`, and those `built_in`. `ConfigError` names each file, line and example that is not
    met."""
    problems = Problems()
    packs = [pack for home in topic_directories(directory) if (pack := problems.of(load_pack, home, cache))]
    problems.report()
    return compile_topics([*packs, *built_in], Grammars())


def load_pack(home: Path, cache: PackCache | None = None) -> TopicPack:
    """A pack that meets its examples, now or, by the cache, when it was last read."""
    source = read_pack(home)
    if cache and (known := cache.load(source)):
        return known
    read, tried = _settled(source, cache)
    pack = parse_pack(source, read)
    if problems := [*_told(source, faults(pack))] or [*broken_examples(source, pack, tried)]:
        raise ConfigError(*problems)
    if cache:
        cache.keep(source, pack)
    return pack


def _settled(source: PackSource, cache: PackCache | None) -> tuple[dict[str, LanguageForms], frozenset[str]]:
    """What an edit of other files leaves as it was: the forms of languages, and those whose examples hold as before."""
    last = cache.last(source) if cache else None
    if last is None:
        return {}, frozenset()
    changed = source.changed(last[0])
    read = {name: forms for forms in last[1].languages if (name := f"{forms.language}.yaml") not in changed}
    return read, frozenset(read) if changed <= {*source.languages} else frozenset()


def doubtful(directory: Path) -> Iterator[str]:
    """What is allowed in the packs under `directory`, but hardly meant: a line each, with file, line and field."""
    problems = Problems()  # told by whoever loads the packs
    for home in problems.of(topic_directories, directory) or ():
        source = problems.of(read_pack, home)
        pack = source and problems.of(parse_pack, source)
        if source and pack:
            yield from _told(source, doubts(pack))


def broken_examples(source: PackSource, pack: TopicPack, tried: frozenset[str]) -> Iterator[str]:
    """By its own pack alone: no topic has a part in the verdict of another. `tried` names files that need not be."""
    matcher = compile_topics([pack], Grammars())
    for forms in pack.languages:
        if f"{forms.language}.yaml" not in tried:
            yield from _told(source, _broken(matcher, forms))


def _told(source: PackSource, remarks: Iterator[Remark]) -> Iterator[str]:
    document = functools.cache(source.document)  # there may be many remarks on a file, and none on most
    return (document(file).problem(at, text) for file, at, text in remarks)


def _broken(matcher: Matcher, forms: LanguageForms) -> Iterator[Remark]:
    return (Remark(f"{forms.language}.yaml", at, text) for at, text in _unmet(matcher, forms))


def _unmet(matcher: Matcher, forms: LanguageForms) -> Iterator[tuple[Location, str]]:
    def judge(text: str) -> TopicMatch | None:
        return next(iter(matcher.match(text, forms.language)), None)

    for index, example in enumerate(forms.examples.match):
        found = judge(example.text)
        if found is None or not found.relevant:
            yield ("examples", "match", index), f"must match, but {_why(found)}: {example.text}"
        elif example.event not in (None, found.event_type):
            yield ("examples", "match", index), f"must be {example.event}, but is {found.event_type}: {example.text}"
    for index, text in enumerate(forms.examples.no_match):
        found = judge(text)
        if found is not None and found.relevant:
            yield ("examples", "no_match", index), f"must not match, but {_why(found)}: {text}"


def _why(found: TopicMatch | None) -> str:
    if found is None:
        return "no actor is named"
    hits = ", ".join(f"{hit.concept}={hit.text}" for hit in found.evidence)
    return f"{found.reason} with score {found.score:g} of {found.threshold:g} ({hits})"
