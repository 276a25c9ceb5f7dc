import re
from pathlib import Path
from shutil import copytree

import pytest

from services.classifier.packs import doubtful, load_matcher
from shared.errors import ConfigError
from shared.models.topic import Tier
from tests.packs import installed

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
CLASSES = "classes: [court, crew]\nspeakers:\n"


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
    matcher = installed()
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
        ("en.yaml", "  sea: [", "  see: [", "en.yaml:4: concepts.see: `see` is not in topic.yaml, did you mean `sea`?"),
        ("en.yaml", "  sailing: [", "  ships: [", "events.ships: `ships` is not in topic.yaml; allowed: sailing"),
        (
            "en.yaml",
            "event: sailing",
            "event: sale",
            "en.yaml:10: examples.match[0].event: `sale` is not in topic.yaml",
        ),
        ("en.yaml", "language: en", "language: fr", "en.yaml:1: language: must be the file's name, en"),
        ("en.yaml", "[narrow sea]", "[1943]", "en.yaml:4: concepts.sea[0]: is read as a number; put it in quotes if"),
        ("en.yaml", "[sail*]", "sail*", "en.yaml:6: events.sailing: is not a list"),
        (
            "en.yaml",
            "- Atlantis",
            "- Note: Atlantis",
            "en.yaml:12: examples.no_match[0]: is read as a mapping, for its",
        ),
        ("en.yaml", "[sail*]", "[*sail]", "en.yaml:6: an alias"),
        (
            "en.yaml",
            "[sail*]",
            "[sail*",
            "en.yaml:7: not YAML: expected ',' or ']', but got ':' in what began on line 6",
        ),
        ("en.yaml", "[sail*]", '["\\u200b*"]', "en.yaml:6: events.sailing[0]: `\u200b*`: nothing is left of it"),
        ("topic.yaml", "name: fleet", "name: float", "topic.yaml:1: name: must be the directory's name, fleet"),
        ("topic.yaml", "severity: low", "severity: lo", "topic.yaml:8: events.sailing.severity: "),
        ("topic.yaml", "threshold: 2", "treshold: 2", "topic.yaml:6: treshold: unknown field"),
        (
            "topic.yaml",
            "threshold: 2",
            "threshold: 2\nroles: {sunk: sinking}",
            "roles.sunk: `sinking` is not in topic.yaml",
        ),
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


def another_topic(topics: Path) -> Path:
    copytree(topics / "fleet", topics / "navy")
    rule = topics / "navy" / "topic.yaml"
    rule.write_text(rule.read_text().replace("name: fleet", "name: navy"))
    return topics / "navy"


def test_every_broken_pack_is_reported_at_once(topics: Path) -> None:
    another_topic(topics)
    for name in ("fleet", "navy"):
        file = topics / name / "en.yaml"
        file.write_text(file.read_text().replace("Atlantis sails the", "Atlantis crosses the"))
    assert problem(topics).count("must match") == 2


def test_every_broken_file_of_every_pack_is_reported_at_once(topics: Path) -> None:
    navy = another_topic(topics)
    edit(topics, "topic.yaml", "threshold", "treshold")
    edit(topics, "en.yaml", "events:", "evens:")
    (topics / "fleet" / "fr.yml").write_text("")
    (navy / "en.yaml").write_text("\t")
    assert problem(topics).count("fr.yml: not read; call it fr.yaml") == 1
    (topics / "fleet" / "fr.yml").unlink()
    told = problem(topics)
    for mistake in ("fleet/topic.yaml:6: treshold", "fleet/en.yaml:5: evens", "navy/en.yaml:1: a tab"):
        assert mistake in told


def test_a_language_stands_in_one_file(topics: Path) -> None:
    (topics / "fleet" / "en-GB.yaml").write_text(ENGLISH.replace("language: en", "language: en-GB"))
    assert "fleet/en.yaml:1: language: en-GB.yaml has this language already" in problem(topics)


def test_what_an_editor_hides_beside_the_files_is_not_read(topics: Path) -> None:
    (topics / "fleet" / ".#en.yaml").symlink_to("nowhere")
    assert list(load_matcher(topics).versions) == ["fleet"]


def test_a_pack_without_a_rule_is_named(topics: Path) -> None:
    (topics / "fleet" / "topic.yaml").rename(topics / "fleet" / "rule.txt")
    assert "fleet/topic.yaml: no such file" in problem(topics)


def test_a_plain_pack_leaves_no_doubt(topics: Path) -> None:
    assert list(doubtful(topics)) == []


@pytest.mark.parametrize(
    ("file", "old", "new", "doubt"),
    [
        ("en.yaml", "[narrow sea]", "[narrow sea, NARROW SEA]", "en.yaml:4: concepts.sea[1]: `NARROW SEA`: stands in"),
        ("en.yaml", "[narrow sea]", "[narrow sea, th*]", "en.yaml:4: concepts.sea[1]: `th*`: very many words begin"),
        ("en.yaml", "[narrow sea]", "[narrow sea, with]", "`with`: one of the commonest words of the language"),
        ("en.yaml", "[atlantis]", "[atlantis, 海]", "en.yaml:3: concepts.atlantis[1]: `海`: one character"),
        (
            "en.yaml",
            "[sail*]",
            "[sail*, ship]\nmasks: [Ship]",
            "en.yaml:6: events.sailing[1]: `ship`: is a mask as well",
        ),
        ("en.yaml", "  no_match:\n    - Atlantis sleeps by the Narrow Sea\n", "", "en.yaml:7: examples: no example of"),
        ("topic.yaml", "  related: [sea]", "  related: [sea, bay]", "topic.yaml:5: rule.related[1]: `bay` has no form"),
        ("topic.yaml", "severity: low}", "severity: low}\n  sinking: {severity: low}", "events.sinking: has no form"),
    ],
)
def test_what_is_hardly_meant_is_remarked_with_its_line(
    topics: Path, file: str, old: str, new: str, doubt: str
) -> None:
    edit(topics, file, old, new)
    (remark,) = doubtful(topics)
    assert doubt in remark


def test_a_language_in_which_no_actor_can_be_named_is_remarked(topics: Path) -> None:
    (topics / "fleet" / "de.yaml").write_text("language: de\nconcepts: {}\nevents: {}\n")
    assert any("de.yaml:2: concepts: no actor has a form" in remark for remark in doubtful(topics))


def test_places_that_no_language_names_are_remarked_in_one_line(topics: Path) -> None:
    places = "".join(f"  p{number}: {{title: P, within: ocean}}\n" for number in range(20))
    (topics / "fleet" / "places.yaml").write_text(f"places:\n  ocean: {{title: Ocean}}\n{places}")
    (remark,) = doubtful(topics)
    assert "places.yaml:3: places.p0: has no form in any language, nor have p1, p2" in remark
    assert remark.endswith("p12 and 7 more")


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
        (
            "places.yaml",
            "places:\n  bay: {title: Bay, within: ocean}\n",
            r"places.yaml:2: .*`ocean` is not in places.yaml",
        ),
        ("speakers.yaml", f"{CLASSES}  The king: court\n", r"en.yaml:\d+: speakers.The queen: .*allowed: The king"),
        ("speakers.yaml", f"{CLASSES}  The queen: cuort\n", r"speakers.yaml:3: .*`cuort` is not in classes.*`court`"),
    ],
)
def test_a_place_or_speaker_that_is_not_there_is_named_with_its_line(
    topics: Path, file: str, text: str, complaint: str
) -> None:
    edit(topics, "en.yaml", "examples:\n", "speakers:\n  The queen: [the queen]\nexamples:\n")
    (topics / "fleet" / file).write_text(text)
    assert re.search(complaint, problem(topics)), problem(topics)
