"""The commands as a person or a script runs them, on a real Redis and real files."""

import json
import os
import pty
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from redis import Redis

from services.cli.__main__ import main
from shared import keys
from shared.config.feeds import load_feeds
from shared.models.change import Change, Marks
from shared.models.feed import FeedHealth, PollRecord
from shared.models.story import Alert, Decision, Story
from shared.queue import JobQueue
from shared.store.entries import EntryStore
from shared.store.feeds import FeedStore
from shared.store.stories import StoryStore
from tests.factories import NOON, after, alert, article, entry, feed, feed_state, story
from tests.stores import run_sync

ROOT = Path(__file__).parents[2]
COMMAND = [sys.executable, "-m", "services.cli"]
WITHDRAWAL = "North Korean troops withdrawn from the front in Kursk, Ukraine says"
FEEDS = """\
# kept
feeds:
  - url: https://news.example/rss # proven
    name: Example News
    language: en
  - url: https://quiet.example/rss
    name: Quiet News
    enabled: false
"""


@dataclass(frozen=True, slots=True)
class Ran:
    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


Run = Callable[..., Ran]


@pytest.fixture
def feeds_file(tmp_path: Path) -> Path:
    path = tmp_path / "feeds.yaml"
    path.write_text(FEEDS)
    return path


@pytest.fixture
def offline(feeds_file: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs a command where no Redis is set."""
    monkeypatch.delenv("TOCSIN_REDIS_URL", raising=False)
    monkeypatch.setenv("TOCSIN_FEEDS_FILE", str(feeds_file))
    monkeypatch.setenv("TOCSIN_DATA_DIR", str(feeds_file.parent / "data"))
    monkeypatch.setenv("TOCSIN_TOPICS_DIR", str(ROOT / "seeds/topics"))

    def run(*words: str) -> Ran:
        monkeypatch.setattr(sys, "argv", ["tocsin", *words])
        code = main()
        return Ran(code, *capsys.readouterr())

    return run


@pytest.fixture
def online(offline: Run, redis_url: str, sync_redis: Redis, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs a command on the tests' own Redis, empty at first."""
    monkeypatch.setenv("TOCSIN_REDIS_URL", redis_url)
    return offline


def ring(redis: Redis, *, title: str = WITHDRAWAL, number: int = 0) -> tuple[Story, Alert]:
    """A story as a classifier stores it, told by two outlets, with its alert."""
    first = article(entry(title=title, source="Reuters", feed_name="Reuters"))
    copy = article(
        entry(title=f"{title} (copy)", source="Укрінформ", language="uk"),
        decision=Decision.COPY,
        reason="same words",
        derived_from="Reuters",
    )
    told = story(id=f"story{number}", title=title, articles=(first, copy), updated_at=after(number))
    rung = alert(told)
    stories = StoryStore(redis, window_seconds=3600, retention_seconds=3600)
    stories.assign(told.topic, first.entry_id, Marks(), NOON, lambda _: Change(told, rung))
    return told, rung


# Feeds ------------------------------------------------------------------------------------------------------------


def test_feeds_are_listed_without_redis_with_a_remark(offline: Run) -> None:
    ran = offline("feeds", "list")
    assert (ran.code, "without states: no Redis" in ran.err) == (0, True)
    assert "Example News" in ran.out


def test_a_feed_is_shown_with_its_history_and_why_it_is_due_then(online: Run, sync_redis: Redis) -> None:
    state = feed_state(
        outcome="server_error", health=FeedHealth.FAILING, health_reason="2 failures in a row", failures=2,
        polled_at=NOON, next_due_at=after(60), next_due_reason="backoff",
    )  # fmt: skip
    for minutes, outcome in enumerate(("new", "server_error")):
        record = PollRecord(
            at=after(60 * minutes), outcome=outcome, new=3, seconds=0.25, next_after=60, next_reason="backoff"
        )
        run_sync(sync_redis, FeedStore.state_commands(feed().id, state, None, record))
    shown = online("feeds", "show", "Example News").out
    assert "failing: 2 failures in a row" in shown
    lines = [line.split() for line in shown.splitlines() if "after 1m: backoff" in line]
    assert [line[2] for line in lines] == ["server_error", "new"]
    told = online("feeds", "show", feed().url, "--json").json
    assert (told["polling"]["health"], [poll["outcome"] for poll in told["history"]]) == (
        "failing",
        ["server_error", "new"],
    )
    assert online("feeds", "show", "Unheard of").code == 1


def test_feeds_are_listed_with_what_polling_learnt(online: Run, sync_redis: Redis) -> None:
    state = feed_state(
        outcome="server_error",
        health=FeedHealth.FAILING,
        failures=2,
        polled_at=NOON,
        next_due_at=after(60),
        next_due_reason="backoff",
    )
    run_sync(sync_redis, FeedStore.state_commands(feed().id, state, None))
    ran = online("feeds", "list")
    failing, disabled = ran.out.splitlines()[1:]
    assert failing.split() == ["Example", "News", "en", "online", "2", "failing", "server_error", "now", "backoff"]
    assert disabled.split() == ["Quiet", "News", "online", "2", "disabled"]
    first, second = online("feeds", "list", "--json").json
    assert (first["polling"]["state"], first["polling"]["outcome"]) == ("failing", "server_error")
    assert second["polling"]["state"] == "disabled"


def test_a_feed_that_could_not_be_read_yet_is_not_called_healthy(online: Run, sync_redis: Redis) -> None:
    def state(**what: object) -> str:
        run_sync(sync_redis, FeedStore.state_commands(feed().id, feed_state(**what), None))
        return str(online("feeds", "list", "--json").json[0]["polling"]["state"])

    assert state() == "unpolled"
    assert state(outcome="not_found", failures=1, polled_at=NOON) == "unread"
    assert state(outcome="not_found", failures=1, polled_at=NOON, read_at=NOON) == "healthy"


def test_a_feed_that_was_added_through_the_api_is_listed_shown_exported_and_removed(
    online: Run, feeds_file: Path, sync_redis: Redis
) -> None:
    own = feed(url="https://own.example/rss", name="Own News")
    sync_redis.hset(keys.feeds_added(), own.id, own.model_dump_json())
    assert [each["origin"] for each in online("feeds", "list", "--json").json] == ["file", "file", "api"]
    assert re.search(r"Own News .* API\b", online("feeds", "list").out)
    assert re.search(r"made by +API", online("feeds", "show", "Own News").out)
    assert "made by" not in online("feeds", "show", "Example News").out
    assert own.url in online("feeds", "export").out
    assert online("feeds", "remove", "Own News").code == 0
    assert len(online("feeds", "list", "--json").json) == 2
    assert feeds_file.read_text() == FEEDS


def test_what_there_is_nothing_to_show_of_is_said(online: Run, feeds_file: Path) -> None:
    shown = online("feeds", "show", "Quiet News").out
    assert shown.endswith("state     disabled: by its line in the file\n\nno poll yet\n")
    feeds_file.write_text("feeds: []\n")
    ran = online("feeds", "list")
    assert (ran.code, ran.out, "no feeds yet" in ran.err) == (0, "", True)


def test_json_stays_json_without_redis(offline: Run) -> None:
    listed = offline("feeds", "list", "--json").json
    assert [(found["name"], found["polling"]) for found in listed] == [("Example News", None), ("Quiet News", None)]


def test_a_feed_is_added_and_removed_and_comments_stay(offline: Run, feeds_file: Path) -> None:
    words = ["https://new.example/atom", "--offline", "--name", "Neu", "--kind", "agency", "--country", "DE"]
    ran = offline("feeds", "add", *words)
    assert ran.code == 0
    said = f"added Neu (https://new.example/atom) to {feeds_file}; a running Tocsin follows the file within seconds\n"
    assert ran.out == said
    assert load_feeds(feeds_file)[-1] == feed(
        url="https://new.example/atom", name="Neu", language=None, kind="agency", country="DE"
    )
    assert offline("feeds", "remove", "Neu").code == 0
    assert feeds_file.read_text() == FEEDS


def test_every_wrong_option_of_a_new_feed_is_told_at_once(offline: Run, feeds_file: Path) -> None:
    words = ["ftp://x.example/", "--name", "X", "--tier", "7", "--country", "ukr", "--interval", "-3"]
    ran = offline("feeds", "add", *words)
    assert ran.code == 2
    assert all(f"{option}: " in ran.err for option in ("URL", "--tier", "--country", "--interval"))
    assert feeds_file.read_text() == FEEDS


def test_a_feed_that_is_there_is_not_added_again(offline: Run) -> None:
    ran = offline("feeds", "add", "https://news.example/rss", "--name", "Again")
    assert ran.code == 2
    assert re.search(r"feeds\.yaml:3: .*there already", ran.err)


def test_opml_goes_out_and_comes_back(offline: Run, feeds_file: Path, tmp_path: Path) -> None:
    exported = tmp_path / "out.opml"
    assert offline("feeds", "export", str(exported)).code == 0
    assert offline("feeds", "export").out == exported.read_text()
    rows = (
        '<outline text="More" xmlUrl="https://more.example/rss" type="rss"/>',
        '<outline text="Bad" xmlUrl="x" type="rss"/>',
    )
    more = exported.read_text().replace("</body>", "".join(rows) + "</body>")
    exported.write_text(more)
    ran = offline("feeds", "import", str(exported))
    assert ran.code == 0
    assert [line.split()[0] for line in ran.out.splitlines()] == ["known", "known", "added", "skipped"]
    assert "an absolute http:// or https:// address is needed" in ran.out
    assert [found.name for found in load_feeds(feeds_file)] == ["Example News", "Quiet News", "More"]


def test_a_file_that_cannot_be_written_is_told_in_a_line(offline: Run, tmp_path: Path) -> None:
    ran = offline("feeds", "export", str(tmp_path))
    assert ran.code == 1
    assert ran.err.endswith(f"tocsin: {tmp_path}: cannot be written: is a directory\n")


# Topics -----------------------------------------------------------------------------------------------------------


def test_a_text_is_judged_with_evidence_and_the_verdict_is_the_exit_code(offline: Run) -> None:
    ran = offline("topics", "test", WITHDRAWAL)
    assert ran.code == 0
    assert ran.out.startswith("relevant to dprk-kursk: matched\n")
    assert "“Kursk” kursk" in ran.out
    assert offline("topics", "test", "Football club of Kursk wins").code == 1


def test_a_text_too_short_to_tell_its_language_is_judged_in_the_one_that_fits(offline: Run) -> None:
    ran = offline("topics", "test", "North Korean troops leave Kursk", "--json")
    assert (ran.code, ran.json["language"]) == (0, "en")
    assert offline("topics", "test", "Xyzzy").out == (
        "not relevant: the actor of no topic is named (read as any language)\n"
    )


def test_a_verdict_in_json_points_into_the_text(offline: Run) -> None:
    ran = offline("topics", "test", WITHDRAWAL, "--summary", "Второй", "--language", "en", "--json")
    assert ran.json["relevant"] is True
    (found,) = ran.json["matches"]
    assert all(WITHDRAWAL[hit["start"] : hit["end"]] == hit["text"] for hit in found["evidence"])


def test_the_topics_are_listed_with_their_versions(offline: Run) -> None:
    topics = offline("topics", "list", "--json").json
    assert [topic["name"] for topic in topics] == ["dprk-kursk", "undersea-cables"]
    assert topics[0]["forms"] > 1000
    table = offline("topics", "list").out
    assert all(topic["version"] in table for topic in topics)


def test_check_says_ok_or_ends_with_2(offline: Run, feeds_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOCSIN_SUBSCRIPTIONS_FILE", str(ROOT / "seeds/subscriptions.yaml"))
    assert offline("check").code == 0
    feeds_file.write_text(FEEDS.replace("language: en", "language: English"))
    ran = offline("check")
    assert ran.code == 2
    assert f"{feeds_file}:5: feeds[0].language" in ran.out
    assert offline("check", "--json").json["ok"] is False


# Alerts and stories -----------------------------------------------------------------------------------------------


def test_the_newest_alerts_are_told_in_the_order_they_rang(online: Run, sync_redis: Redis) -> None:
    for number in range(3):
        ring(sync_redis, title=f"Title {number}", number=number)
    ran = online("alerts", "tail", "-n", "2")
    assert ran.code == 0
    assert [line.split("  ")[-1] for line in ran.out.splitlines() if "created" in line] == ["Title 1", "Title 2"]
    assert "Reuters, Укрінформ" in ran.out
    told = [json.loads(line) for line in online("alerts", "tail", "--json").out.splitlines()]
    assert [(one["story_id"], one["languages"]) for one in told] == [(f"story{n}", ["en", "uk"]) for n in range(3)]


def test_an_alert_outlives_its_story(online: Run, sync_redis: Redis) -> None:
    told, _ = ring(sync_redis)
    sync_redis.delete(keys.story(told.id))
    ran = online("alerts", "tail")
    assert WITHDRAWAL in ran.out
    assert "sources" not in ran.out


def test_a_story_is_shown_with_the_reason_of_every_article(online: Run, sync_redis: Redis) -> None:
    told, _ = ring(sync_redis)
    ran = online("stories", "show", told.id)
    shown = re.sub(r" {2,}", "  ", ran.out)
    assert f"new  Reuters (en): {WITHDRAWAL}\n  reason  opened\n" in shown
    assert f"copy  Укрінформ (uk): {WITHDRAWAL} (copy)\n  reason  same words\n" in shown
    assert "derived from  Reuters\n" in shown
    whole = online("stories", "show", told.id, "--json").json
    assert [found["decision"] for found in whole["articles"]] == ["new", "copy"]
    assert told.id in online("stories", "list").out


def test_a_story_that_is_not_there_is_told_in_a_line(online: Run) -> None:
    ran = online("stories", "show", "nowhere")
    assert (ran.code, ran.out) == (1, "")
    assert ran.err.startswith("tocsin: no story nowhere")


def test_two_stories_are_merged_shown_so_and_parted_again(online: Run, sync_redis: Redis) -> None:
    one, other = (ring(sync_redis, title=f"Title {number}", number=number)[0] for number in (0, 1))
    assert online("stories", "merge", other.id, one.id).out.splitlines() == [
        "story1 is merged into story0: 2 articles moved, 4 there now",
        "story0 rings: merged, revision 2: story1 was the same happening",
        "undo: tocsin stories undo story1",
    ]
    assert online("stories", "merge", one.id, other.id).out == "nothing to do: story0 and story1 are merged already\n"
    assert re.search(r"merged into +story0\n", online("stories", "show", other.id).out)
    assert re.search(r"merged from +story1\n", online("stories", "show", one.id).out)
    assert [listed["id"] for listed in online("stories", "list", "--json").json] == ["story0"]
    assert online("stories", "undo", other.id).out.splitlines() == [
        "story1 is a story of its own again: 2 articles moved, 2 left in story0",
        "story1 rings: updated, revision 2: no longer part of story0",
        "story0 rings: updated, revision 3: story1 is a story of its own again",
    ]
    assert online("stories", "undo", other.id).out == "nothing to do: story1 is a story of its own already\n"
    assert re.search(r"never merged with +story1\n", online("stories", "show", one.id).out)


def test_a_story_is_split_by_the_entries_that_it_is_shown_with_and_made_whole_again(
    online: Run, sync_redis: Redis
) -> None:
    told, _ = ring(sync_redis)
    entry_id = told.articles[1].entry_id
    assert re.search(rf"entry +{entry_id}\n", online("stories", "show", told.id).out)
    done, *rings, way_back = online("stories", "split", told.id, entry_id).out.splitlines()
    part = done.partition(" ")[0]
    assert done == f"{part} is a story of its own now: 1 article moved, 1 left in {told.id}"
    assert rings == [
        f"{part} rings: created, revision 1: split from {told.id}",
        f"{told.id} rings: updated, revision 2: {part} is a story of its own now",
    ]
    assert online("stories", "split", told.id, entry_id).out == f"nothing to do: {part} is a story of its own already\n"
    undone = online(*way_back.removeprefix("undo: tocsin ").split()).out.splitlines()
    assert undone == [
        f"{part} is part again of {told.id}: 1 article moved, 2 there now",
        f"{told.id} rings: merged, revision 3: {part} is part of this story again",
    ]
    assert online("stories", "undo", part).out == f"nothing to do: {part} is part of {told.id} already\n"


def test_what_nobody_heard_of_is_merged_without_ringing(online: Run, sync_redis: Redis) -> None:
    """But it is announced again, for who chooses by source may want it now."""
    one, _ = ring(sync_redis, title="One")
    silent = story(id="silent", articles=(article(entry(title="Other")),), revisions=())
    stories = StoryStore(sync_redis, window_seconds=3600, retention_seconds=3600)
    stories.assign(silent.topic, "other", Marks(), NOON, lambda _: Change(silent))
    ran = online("stories", "merge", one.id, silent.id)
    assert "silently, for one of the two never rang" in ran.out
    records: Any = sync_redis.xrange(keys.alerts())
    alerts = [Alert.model_validate_json(fields[b"alert"]) for _, fields in records]
    assert [(each.story_id, each.revision, each.again) for each in alerts] == [(one.id, 1, False), (one.id, 1, True)]


def test_what_cannot_be_done_to_a_story_is_told_in_a_line(online: Run, sync_redis: Redis) -> None:
    told, _ = ring(sync_redis)
    refused = {
        ("merge", told.id, "nowhere"): "no story nowhere: never there, or expired",
        ("merge", told.id, told.id): f"{told.id} is one story already",
        ("split", told.id, "nothing"): f"{told.id} has no entry nothing; `tocsin stories show {told.id}` names them",
        ("undo", told.id): f"{told.id} was neither merged into another nor split from one",
    }
    for words, why in refused.items():
        ran = online("stories", *words)
        assert (ran.code, ran.out, ran.err) == (1, "", f"tocsin: {why}\n")


# Dead letters -----------------------------------------------------------------------------------------------------


def test_dead_letters_are_listed_retried_and_dropped(online: Run, sync_redis: Redis) -> None:
    queue = JobQueue(sync_redis)
    known = entry()
    run_sync(sync_redis, EntryStore(sync_redis, retention_seconds=60).save_commands([known]))
    for entry_id in (known.id, "b", "c"):
        queue.bury(entry_id, "ValueError: too odd")
    listed = online("dead-letters", "list").out
    assert all(words in listed for words in (known.title, "(its text has expired)", "ValueError: too odd"))
    assert online("dead-letters", "retry", known.id).out == "queued again: 1 entry\n"
    assert queue.depth() == 1
    assert online("dead-letters", "drop", "--all").out == "dropped: 2 entries\n"
    assert online("dead-letters", "list", "--json").json == []


def test_a_dead_letter_that_is_not_there_does_not_keep_the_others_from_being_dropped(
    online: Run, sync_redis: Redis
) -> None:
    JobQueue(sync_redis).bury("a", "odd")
    ran = online("dead-letters", "drop", "a", "nope")
    assert (ran.code, ran.out, ran.err) == (1, "dropped: 1 entry\n", "tocsin: no dead letter: nope\n")


@pytest.mark.parametrize("words", [["retry"], ["drop"], ["drop", "a", "--all"]])
def test_dead_letters_are_touched_only_if_named_or_all(online: Run, words: list[str]) -> None:
    assert online("dead-letters", *words).code == 2


# Redis ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("words", [["alerts", "tail"], ["stories", "list"], ["dead-letters", "list"], ["poller"]])
def test_without_redis_the_exit_code_is_3_and_the_ways_out_are_told(offline: Run, words: list[str]) -> None:
    ran = offline(*words)
    assert (ran.code, ran.out) == (3, "")
    assert "TOCSIN_REDIS_URL is not set" in ran.err


@pytest.mark.parametrize(
    ("url", "code"), [("redis://:geheim@127.0.0.1:1/0", 3), ("redis://:ge/heim@host:x", 2), ("http://:geheim@host", 2)]
)
def test_a_redis_that_does_not_answer_is_named_without_its_password(
    offline: Run, monkeypatch: pytest.MonkeyPatch, url: str, code: int
) -> None:
    monkeypatch.setenv("TOCSIN_REDIS_URL", url)
    ran = offline("stories", "list")
    assert ran.code == code
    assert "heim" not in ran.err
    assert len(ran.err.splitlines()) == 1


# Terminals, pipes and signals -------------------------------------------------------------------------------------


def on_terminal(words: list[str], **env: str) -> str:
    """What the command writes to a terminal of 80 columns."""
    leader, follower = pty.openpty()
    settings = {"TERM": "xterm-256color", "COLUMNS": "80", "LANG": "C.UTF-8", **env}
    with subprocess.Popen(
        [*COMMAND, *words], cwd=ROOT, stdout=follower, stderr=follower, env=inherited() | settings
    ) as process:
        os.close(follower)
        written = b""
        while chunk := _read(leader):
            written += chunk
        process.wait()
    os.close(leader)
    return written.decode()


def _read(descriptor: int) -> bytes:
    try:
        return os.read(descriptor, 65536)
    except OSError:  # Linux says EIO when the other side has closed
        return b""


def inherited() -> dict[str, str]:
    """Without what would tell Rich or Tocsin something else."""
    loud = ("NO_COLOR", "FORCE_COLOR", "COLUMNS", "TTY_COMPATIBLE")
    return {name: value for name, value in os.environ.items() if name not in loud and not name.startswith("TOCSIN_")}


def test_a_terminal_gets_colours_unless_it_asked_for_none() -> None:
    words = ["topics", "test", WITHDRAWAL]
    assert "\x1b[1;32mKursk\x1b[0m" in on_terminal(words)
    plain = on_terminal(words, NO_COLOR="1")
    assert "Kursk" in plain
    assert "[1;32m" not in plain


def test_a_terminal_gets_lines_that_fit() -> None:
    lines = on_terminal(["feeds", "list"]).splitlines()
    assert len(lines) > 80
    table = [re.sub(r"\x1b\[[0-9;]*m", "", line) for line in lines if "without states" not in line]
    assert max(map(len, table)) <= 80


def start(*words: str, **env: str) -> subprocess.Popen[str]:
    pipe = subprocess.PIPE
    return subprocess.Popen([*COMMAND, *words], cwd=ROOT, stdout=pipe, stderr=pipe, text=True, env=inherited() | env)


def line_of(process: subprocess.Popen[str]) -> Any:
    assert process.stdout
    return json.loads(process.stdout.readline())


def test_a_pipe_that_is_closed_early_is_quiet(tmp_path: Path) -> None:
    with start("feeds", "list", "--json", TOCSIN_DATA_DIR=str(tmp_path)) as process:
        assert process.stdout
        process.stdout.close()
        assert process.stderr
        said = process.stderr.read()
    assert [line for line in said.splitlines() if "without states" not in line] == []


def test_following_tells_what_rings_and_ctrl_c_ends_it_quietly(redis_url: str, sync_redis: Redis) -> None:
    with start("alerts", "tail", "--follow", "--json", TOCSIN_REDIS_URL=redis_url) as process:
        ring(sync_redis, title="Early")
        assert line_of(process)["title"] == "Early"
        ring(sync_redis, title="Later", number=1)
        assert line_of(process)["title"] == "Later"
        process.send_signal(signal.SIGINT)
        try:
            assert process.communicate(timeout=60) == ("", "")
        finally:
            process.kill()
    assert process.returncode == 130


def test_a_terminal_that_knows_no_hangul_gets_question_marks() -> None:
    ran = subprocess.run(
        [*COMMAND, "topics", "test", "북한군"],
        cwd=ROOT,
        capture_output=True,
        env=inherited() | {"PYTHONIOENCODING": "ascii"},
        check=False,
    )
    assert (ran.returncode, ran.stderr) == (1, b"")
    assert b"Traceback" not in ran.stdout
