"""Topic packs from their directories: `topic.yaml` and one file for each language."""

from collections.abc import Iterator
from pathlib import Path

from shared.config.document import Document, read_document, validate
from shared.errors import ConfigError
from shared.models.allowed import Location
from shared.models.pack import LanguageForms, TopicPack, TopicRule

RULE_FILE = "topic.yaml"


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
    problems = [*_role_problems(rule_file, rule)]
    for path, forms in languages.items():
        problems += [files[path].problem(at, text) for at, text in _disagreements(path, forms, rule)]
    if problems:
        raise ConfigError(*problems)
    return TopicPack(topic=rule, languages=tuple(languages.values()))


def language_files(directory: Path) -> tuple[Path, ...]:
    return tuple(sorted(path for path in directory.glob("*.yaml") if path.name != RULE_FILE))


def _role_problems(document: Document, rule: TopicRule) -> Iterator[str]:
    for role, event in rule.roles.items():
        if event not in rule.events:
            yield document.problem(("roles", role), f"unknown event type `{event}`; allowed: {', '.join(rule.events)}")


def _disagreements(path: Path, forms: LanguageForms, rule: TopicRule) -> Iterator[tuple[Location, str]]:
    if forms.language != path.stem:
        yield ("language",), f"must be the file's name, {path.stem}"
    known = {"concepts": sorted(rule.rule.concepts), "events": [*rule.events], "roles": [*rule.roles]}
    written = {"concepts": forms.concepts, "events": forms.events, "roles": forms.roles}
    for field, names in known.items():
        for name in written[field]:
            if name not in names:
                yield (field, name), f"not in {RULE_FILE}; allowed: {', '.join(names)}"
    for index, example in enumerate(forms.examples.match):
        if example.event is not None and example.event not in rule.events:
            yield ("examples", "match", index, "event"), f"not in {RULE_FILE}; allowed: {', '.join(rule.events)}"
