import re
from pathlib import Path
from shutil import copytree

import pytest

from services.classifier.packs import load_matcher
from shared.errors import ConfigError
from shared.models.topic import Tier

RULE = """\
name: fleet
title: Ships of Atlantis
rule:
  actor: [atlantis]
  related: [sea]
threshold: 2
events:
  sailing: {severity: low}
"""
ENGLISH = """\
language: en
concepts:
  atlantis: [atlantis]
  sea: [narrow sea]
events:
  sailing: [sail*]
examples:
  match:
    - text: Atlantis sails the Narrow Sea
      event: sailing
  no_match:
    - Atlantis sleeps by the Narrow Sea
"""


@pytest.fixture
def topics(tmp_path: Path) -> Path:
    home = tmp_path / "topics" / "fleet"
    home.mkdir(parents=True)
    (home / "topic.yaml").write_text(RULE)
    (home / "en.yaml").write_text(ENGLISH)
    return home.parent


def edit(topics: Path, name: str, old: str, new: str) -> None:
    file = topics / "fleet" / name
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new))


def problem(topics: Path) -> str:
    with pytest.raises(ConfigError) as raised:
        load_matcher(topics)
    return str(raised.value)


def test_the_seeds_meet_their_own_examples() -> None:
    matcher = load_matcher(Path(__file__).parents[2] / "seeds" / "topics")
    pack = next(topic.pack for topic in matcher.topics if topic.pack.name == "dprk-kursk")
    assert {forms.language for forms in pack.languages} >= {"en", "uk", "ru", "ko", "ja", "zh", "de", "fr", "pl", "es"}
    for forms in pack.languages:
        assert len(forms.examples.match) >= 4, forms.language
        assert len(forms.examples.no_match) >= 4, forms.language


def test_a_pack_that_meets_its_examples_loads(topics: Path) -> None:
    assert list(load_matcher(topics).versions) == ["fleet"]


def test_an_example_that_must_match_and_does_not_is_named_with_its_line(topics: Path) -> None:
    edit(topics, "en.yaml", "Atlantis sails the Narrow Sea", "Atlantis sails away")
    assert "en.yaml:9: examples.match[0]: must match, but no_place" in problem(topics)
    assert "Atlantis sails away" in problem(topics)


def test_an_example_that_must_not_match_and_does_is_named_with_its_line(topics: Path) -> None:
    edit(topics, "en.yaml", "Atlantis sleeps", "Atlantis sails and sleeps")
    assert "en.yaml:12: examples.no_match[0]: must not match, but matched" in problem(topics)


def test_an_example_with_another_event_is_named(topics: Path) -> None:
    edit(topics, "topic.yaml", "events:\n", "events:\n  sinking: {severity: high}\n")
    edit(topics, "en.yaml", "event: sailing", "event: sinking")
    assert "must be sinking, but is sailing" in problem(topics)


@pytest.mark.parametrize(
    ("file", "old", "new", "expected"),
    [
        ("en.yaml", "  sea: [", "  see: [", "en.yaml:4: concepts.see: not in topic.yaml; allowed: atlantis, sea"),
        ("en.yaml", "  sailing: [", "  sail: [", "en.yaml:6: events.sail: not in topic.yaml; allowed: sailing"),
        ("en.yaml", "event: sailing", "event: sale", "en.yaml:10: examples.match[0].event: not in topic.yaml"),
        ("en.yaml", "language: en", "language: fr", "en.yaml:1: language: must be the file's name, en"),
        ("en.yaml", "[narrow sea]", "[1943]", "en.yaml:4: concepts.sea[0]: "),
        ("topic.yaml", "name: fleet", "name: float", "topic.yaml:1: name: must be the directory's name, fleet"),
        ("topic.yaml", "severity: low", "severity: lo", "topic.yaml:8: events.sailing.severity: "),
        ("topic.yaml", "threshold: 2", "treshold: 2", "topic.yaml:6: treshold: unknown field"),
        ("topic.yaml", "threshold: 2", "threshold: 2\nroles: {sunk: sinking}", "roles.sunk: unknown event type"),
    ],
)
def test_a_mistake_is_named_by_file_line_and_field(topics: Path, file: str, old: str, new: str, expected: str) -> None:
    edit(topics, file, old, new)
    assert expected in problem(topics)


def test_a_pack_without_a_language_is_refused(topics: Path) -> None:
    (topics / "fleet" / "en.yaml").unlink()
    assert "no forms" in problem(topics)


def test_a_directory_without_topics_is_refused(tmp_path: Path) -> None:
    assert "no topic" in problem(tmp_path)


def test_every_broken_pack_is_reported_at_once(topics: Path) -> None:
    copytree(topics / "fleet", topics / "navy")
    rule = topics / "navy" / "topic.yaml"
    rule.write_text(rule.read_text().replace("name: fleet", "name: navy"))
    for name in ("fleet", "navy"):
        file = topics / name / "en.yaml"
        file.write_text(file.read_text().replace("Atlantis sails the", "Atlantis crosses the"))
    assert problem(topics).count("must match") == 2


def test_a_place_of_the_gazetteer_is_a_place_for_the_rule(topics: Path) -> None:
    edit(topics, "topic.yaml", "  related: [sea]\n", "")
    edit(topics, "en.yaml", "  sea: [narrow sea]\n", "places:\n  narrow-sea: [narrow sea]\n")
    (topics / "fleet" / "places.yaml").write_text(
        "places:\n  ocean: {title: The Ocean, tier: related}\n"
        "  narrow-sea: {title: The Narrow Sea, tier: core, within: ocean}\n"
    )
    [match] = load_matcher(topics).match("Atlantis sails the Narrow Sea", "en")
    assert (match.relevant, match.tier, match.claims[0].place, match.claims[0].region) == (
        True,
        Tier.CORE,
        "narrow-sea",
        "ocean",
    )


@pytest.mark.parametrize(
    ("file", "text", "complaint"),
    [
        ("places.yaml", "places:\n  bay: {title: Bay, within: ocean}\n", r"places.yaml:2: .*`ocean` is no place"),
        ("speakers.yaml", "speakers:\n  The king: outlet\n", r"en.yaml:\d+: speakers.The queen: .*allowed: The king"),
        ("speakers.yaml", "speakers:\n  The queen: royal\n", r"speakers.yaml:2: .*think-tank"),
    ],
)
def test_a_place_or_speaker_that_is_not_there_is_named_with_its_line(
    topics: Path, file: str, text: str, complaint: str
) -> None:
    edit(topics, "en.yaml", "examples:\n", "speakers:\n  The queen: [the queen]\nexamples:\n")
    (topics / "fleet" / file).write_text(text)
    assert re.search(complaint, problem(topics)), problem(topics)
