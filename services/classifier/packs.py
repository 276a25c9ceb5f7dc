"""The topic packs of an installation, loaded, compiled and held to their own examples."""

from collections.abc import Iterator
from pathlib import Path

from services.classifier.grammars import Grammars
from services.classifier.match import Matcher, compile_topics
from shared.config.document import read_document
from shared.config.topics import RULE_FILE, load_topic_pack
from shared.errors import ConfigError
from shared.models.allowed import Location
from shared.models.pack import LanguageForms, TopicPack
from shared.models.topic import TopicMatch


def load_matcher(directory: Path) -> Matcher:
    """Every pack under `directory`. `ConfigError` names each file, line and example that is not met."""
    homes = sorted(rule.parent for rule in directory.glob(f"*/{RULE_FILE}"))
    if not homes:
        raise ConfigError(f"{directory}: no topic; a directory with a {RULE_FILE} is needed")
    packs = {home: load_topic_pack(home) for home in homes}
    matcher = compile_topics(list(packs.values()), Grammars())
    if problems := [problem for home, pack in packs.items() for problem in broken_examples(matcher, home, pack)]:
        raise ConfigError(*problems)
    return matcher


def broken_examples(matcher: Matcher, home: Path, pack: TopicPack) -> Iterator[str]:
    for forms in pack.languages:
        broken = [*_broken(matcher, pack.name, forms)]
        if broken:
            document = read_document(home / f"{forms.language}.yaml")
            yield from (document.problem(at, text) for at, text in broken)


def _broken(matcher: Matcher, topic: str, forms: LanguageForms) -> Iterator[tuple[Location, str]]:
    def judge(text: str) -> TopicMatch | None:
        return next((match for match in matcher.match(text, forms.language) if match.topic == topic), None)

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
