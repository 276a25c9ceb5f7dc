"""`tocsin check` on files that are wrong."""

import shutil
from collections.abc import Mapping
from pathlib import Path

import pytest

from services.cli.commands.check import Part, examine, mistyped

SEEDS = Path(__file__).parents[2] / "seeds"
Home = dict[str, str]


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """The environment of an installation whose files may be spoiled."""
    (tmp_path / "feeds.yaml").write_text(
        "feeds:\n  - url: https://news.example/rss\n    name: Example\n    language: en\n"
    )
    (tmp_path / "subscriptions.yaml").write_text(
        "subscriptions:\n  - id: desk\n    channel: {type: journal, path: alerts.jsonl}\n    topics: [dprk-kursk]\n"
    )
    shutil.copytree(SEEDS / "topics", tmp_path / "topics")
    return {
        "TOCSIN_FEEDS_FILE": str(tmp_path / "feeds.yaml"),
        "TOCSIN_SUBSCRIPTIONS_FILE": str(tmp_path / "subscriptions.yaml"),
        "TOCSIN_TOPICS_DIR": str(tmp_path / "topics"),
    }


def parts(env: Mapping[str, str]) -> dict[str, Part]:
    return {part.name: part for part in examine(env)}


def spoil(path: str, old: str, new: str) -> None:
    text = Path(path).read_text(encoding="utf-8")
    assert old in text
    Path(path).write_text(text.replace(old, new, 1), encoding="utf-8")


def test_what_is_right_is_counted(home: Home) -> None:
    found = parts(home)
    assert [part.problems for part in found.values()] == [(), (), (), ()]
    assert found["settings"].counts["set"] == 3
    assert found["feeds"].counts == {"feed": 1, "enabled": 1, "language": 1}
    assert found["subscriptions"].counts == {"subscription": 1, "enabled": 1}
    assert found["topics"].counts["topic"] == 2
    assert found["topics"].counts["example met|examples met"] > 50


def test_the_problems_of_all_parts_are_told_at_once(home: Home) -> None:
    spoil(home["TOCSIN_FEEDS_FILE"], "language: en", "langauge: en")
    spoil(home["TOCSIN_SUBSCRIPTIONS_FILE"], "type: journal", "type: jurnal")
    spoil(f"{home['TOCSIN_TOPICS_DIR']}/dprk-kursk/topic.yaml", "threshold:", "treshold:")
    found = parts(home | {"TOCSIN_POLL_JITTER": "7"})
    assert "TOCSIN_POLL_JITTER='7'" in found["settings"].problems[0]
    assert f"{home['TOCSIN_FEEDS_FILE']}:4: feeds[0].langauge" in found["feeds"].problems[0]
    assert "did you mean `journal`" in found["subscriptions"].problems[0]
    assert any("did you mean `threshold`" in problem for problem in found["topics"].problems)


def test_a_subscription_to_a_topic_that_is_not_there_is_told_with_its_line(home: Home) -> None:
    spoil(home["TOCSIN_SUBSCRIPTIONS_FILE"], "dprk-kursk", "dprk-kurks")
    (problem,) = parts(home)["subscriptions"].problems
    assert problem == (
        f"{home['TOCSIN_SUBSCRIPTIONS_FILE']}:4: subscriptions[0].topics[0]: no topic `dprk-kurks`, did you mean"
        " `dprk-kursk`?; allowed: dprk-kursk, undersea-cables"
    )


def test_an_example_that_is_not_met_is_told_with_its_line(home: Home) -> None:
    english = f"{home['TOCSIN_TOPICS_DIR']}/dprk-kursk/en.yaml"
    spoil(english, "  no_match:\n", '  no_match:\n    - "North Korean troops leave Kursk"\n')
    (problem,) = parts(home)["topics"].problems
    assert problem.startswith(f"{english}:")
    assert "must not match" in problem


def test_what_is_hardly_meant_is_a_doubt_and_no_problem(home: Home) -> None:
    english = f"{home['TOCSIN_TOPICS_DIR']}/undersea-cables/en.yaml"
    spoil(english, "subsea cable*,", "subsea cable*, Subsea Cable*,")
    topics = parts(home)["topics"]
    assert topics.problems == ()
    (doubt,) = [doubt for doubt in topics.doubts if english in doubt]
    assert "concepts.sea_cable[4]: `Subsea Cable*`: stands in this list twice, first as number 4" in doubt


def test_missing_files_are_told_all(home: Home) -> None:
    found = parts({name: f"{path}.gone" for name, path in home.items()})
    assert [name for name, part in found.items() if part.problems] == ["feeds", "subscriptions", "topics"]


def test_a_secret_is_looked_up_and_never_shown(home: Home) -> None:
    Path(home["TOCSIN_SUBSCRIPTIONS_FILE"]).write_text(
        "subscriptions:\n  - id: desk\n    channel: {type: webhook, url: https://x.example/, secret: env:DESK_SECRET}\n"
    )
    assert "DESK_SECRET is not set" in parts(home)["subscriptions"].problems[0]
    (problem,) = parts(home | {"DESK_SECRET": "hunter2"})["subscriptions"].problems
    assert "hunter2" not in problem


def test_a_mistyped_setting_is_remarked_and_a_secret_of_a_subscription_is_not() -> None:
    env = {"TOCSIN_POL_JITTER": "0.2", "TOCSIN_POLL_JITTER": "0.1", "TOCSIN_WEBHOOK_SECRET": "x", "PATH": "/bin"}
    assert list(mistyped(env)) == ["TOCSIN_POL_JITTER is no setting; did you mean TOCSIN_POLL_JITTER?"]
