"""`tocsin check` on files that are wrong."""

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from services.cli.commands.check import Part, examine, mistyped
from tests.factories import SECRET

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


def write_subscriptions(home: Home, *lines: str) -> None:
    """In an installation whose topics have no words, for trying them all takes seconds."""
    for words in Path(home["TOCSIN_TOPICS_DIR"]).glob("*/*.yaml"):
        if words.name != "topic.yaml":
            words.unlink()
    Path(home["TOCSIN_SUBSCRIPTIONS_FILE"]).write_text("subscriptions:\n" + "".join(f"  - {line}\n" for line in lines))


def subscriptions(home: Home, *lines: str) -> Part:
    write_subscriptions(home, *lines)
    return parts(home)["subscriptions"]


def test_it_is_said_what_channel_each_subscription_uses(home: Home) -> None:
    found = subscriptions(
        home,
        "{id: book, channel: {type: journal, path: a.jsonl}}",
        "{id: chat, channel: {type: slack, url: env:SLACK}}",
    )
    assert "SLACK is not set" in found.problems[0]
    env = home | {"SLACK": "https://hooks.slack.com/services/T/B/x"}
    assert parts(env)["subscriptions"].names == ["book (journal)", "chat (slack)"]


@pytest.mark.filterwarnings("ignore:'imghdr' is deprecated")  # Apprise imports it
def test_a_channel_over_which_nothing_can_be_sent_is_a_problem_with_its_line(home: Home) -> None:
    (problem,) = subscriptions(home, "{id: chat, channel: {type: apprise, url: 'nosuch://token'}}").problems
    assert ":2: subscriptions[0].channel.url: not an address that Apprise knows" in problem
    assert "token" not in problem


def test_apprise_that_is_not_there_is_a_problem(home: Home) -> None:
    write_subscriptions(home, "{id: chat, channel: {type: apprise, url: 'ntfy://topic'}}")
    # None in sys.modules is how Python says "not installed".
    code = (
        "import sys; sys.modules['apprise'] = None; import os; from services.cli.commands.check import examine\n"
        "print(*(problem for part in examine(os.environ) for problem in part.problems), sep='\\n')"
    )
    said = subprocess.run(
        [sys.executable, "-c", code], env=os.environ | home, capture_output=True, text=True, check=True
    )
    assert (
        "channel.type: apprise needs a library that is not there; allowed: pip install 'tocsin[apprise]'" in said.stdout
    )


JOURNAL = "channel: {type: journal, path: a.jsonl}"


@pytest.mark.parametrize(
    ("line", "doubt"),
    [
        (f"{JOURNAL}, tiers: []", "tiers: empty, so nothing is ever told"),
        (f"{JOURNAL}, quiet: {{start: '08:00', end: '08:00'}}", "quiet: from 08:00 to 08:00 is a whole day"),
        (
            f"{JOURNAL}, min_severity: high, quiet: {{start: '22:00', end: '08:00', unless: high}}",
            "quiet.unless: holds nothing back",
        ),
        (
            f"{JOURNAL}, quiet: {{start: '22:00', end: '08:00'}}, digest: {{at: ['12:00', '07:00']}}",
            "digest.at[1]: 07:00 lies in the quiet hours, so it is told at their end, 08:00",
        ),
        (f"{JOURNAL}, event_types: [withdrawal, ice-cream]", "event_types[1]: no topic has the event type `ice-cream`"),
        (f"{JOURNAL}, sources: [Example, Nobody]", "sources[1]: no feed is of the source `Nobody`"),
        (f"{JOURNAL}, endpoints: true", "endpoints: there is no other subscription here"),
        (
            "channel: {type: webhook, url: 'http://a.example/', secret: 'env:DESK'}",
            "channel.url: not encrypted: whoever is in between can read along",
        ),
        (
            f"channel: {{type: webhook, url: 'http://127.0.0.1/', secret: '{SECRET}'}}",
            "channel.secret: a secret in the file itself",
        ),
    ],
)
def test_what_is_legal_but_odd_is_a_doubt_with_its_line(home: Home, line: str, doubt: str) -> None:
    subscriptions(home, f"{{id: desk, {line}}}")
    found = parts(home | {"DESK": SECRET})["subscriptions"]
    assert found.problems == ()
    (said,) = found.doubts
    assert f"subscriptions.yaml:2: subscriptions[0].{doubt}" in said
    assert SECRET not in said


def test_who_may_be_told_twice_is_a_doubt(home: Home) -> None:
    (said,) = subscriptions(home, f"{{id: one, {JOURNAL}}}", f"{{id: two, {JOURNAL}}}").doubts
    assert ":3: subscriptions[1].channel: the same as of one" in said
