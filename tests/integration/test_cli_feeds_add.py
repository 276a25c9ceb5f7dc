"""`tocsin feeds add`, as a person or a script runs it, with a publisher on loopback."""

import json
import os
import pty
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from services.cli.__main__ import main
from shared.config.feeds import load_feeds

ROOT = Path(__file__).parents[2]
FEEDS = "# kept\nfeeds:\n  - url: https://news.example/rss\n    name: Example News\n"
PAGE = """<!doctype html><html><head><title>Paper</title>
<link rel="alternate" type="application/rss+xml" href="/world.rss">
<link rel="alternate" type="application/rss+xml" href="/sport.rss">
</head></html>"""


def rss(title: str) -> str:
    item = "<item><title>Bridge closed</title><link>https://paper.example/1</link></item>"
    return f'<rss version="2.0"><channel><title>{title}</title><language>uk-UA</language>{item}</channel></rss>'


@dataclass
class Publisher:
    port: int
    pages: dict[str, str]
    asked: list[str] = field(default_factory=list)

    def url(self, path: str = "/") -> str:
        return f"http://127.0.0.1:{self.port}{path}"


@pytest.fixture
def publisher() -> Iterator[Publisher]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            site.asked.append(self.path)
            body = site.pages.get(self.path)
            self.send_response(404 if body is None else 200)
            self.end_headers()
            self.wfile.write((body or "").encode())

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        site = Publisher(server.server_port, {"/world.rss": rss("Газета: світ"), "/sport.rss": rss("Sport")})
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield site
        server.shutdown()
        thread.join()


@dataclass(frozen=True, slots=True)
class Ran:
    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


@dataclass(frozen=True, slots=True)
class Tocsin:
    """The command, with a feeds file of its own and loopback allowed."""

    file: Path
    patch: pytest.MonkeyPatch
    capture: pytest.CaptureFixture[str]

    @property
    def env(self) -> dict[str, str]:
        return {"TOCSIN_FEEDS_FILE": str(self.file), "TOCSIN_ALLOW_NETWORKS": "127.0.0.0/8"}

    def add(self, *words: str) -> Ran:
        for name, value in self.env.items():
            self.patch.setenv(name, value)
        self.patch.setattr(sys, "argv", ["tocsin", "feeds", "add", *words])
        code = main()
        return Ran(code, *self.capture.readouterr())

    def added(self) -> list[tuple[str, str, str | None]]:
        return [(feed.url, feed.name, feed.language) for feed in load_feeds(self.file)[1:]]


@pytest.fixture
def tocsin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Tocsin:
    file = tmp_path / "feeds.yaml"
    file.write_text(FEEDS)
    return Tocsin(file, monkeypatch, capsys)


def test_a_feed_is_added_under_its_own_title_and_language(tocsin: Tocsin, publisher: Publisher) -> None:
    url = publisher.url("/world.rss")
    ran = tocsin.add(url, "--tier", "1")
    assert (ran.code, ran.err) == (0, "")
    assert ran.out.startswith(f"added Газета: світ ({url}) to {tocsin.file}; ")
    assert tocsin.added() == [(url, "Газета: світ", "uk")]
    assert tocsin.file.read_text().startswith(FEEDS)
    assert load_feeds(tocsin.file)[1].tier == 1


def test_what_is_given_goes_before_what_the_feed_states(tocsin: Tocsin, publisher: Publisher) -> None:
    url = publisher.url("/world.rss")
    ran = tocsin.add(url, "--name", "World", "--language", "pl", "--json")
    assert tocsin.added() == [(url, "World", "pl")]
    assert (ran.json["added"]["url"], ran.json["added"]["name"], ran.json["candidates"]) == (url, "World", [])


def test_a_script_is_told_the_feeds_of_a_page_and_to_name_one(tocsin: Tocsin, publisher: Publisher) -> None:
    publisher.pages["/"] = PAGE
    ran = tocsin.add(publisher.url())
    assert ran.code == 5
    assert ran.out.splitlines() == [
        "1  Газета: світ  (uk-ua, 1 item, declared)",
        f"   {publisher.url('/world.rss')}",
        "2  Sport  (uk-ua, 1 item, declared)",
        f"   {publisher.url('/sport.rss')}",
    ]
    assert ran.err == "tocsin: several feeds: add one of these addresses, or the first with --yes\n"
    told = tocsin.add(publisher.url(), "--json")
    assert told.code == 5
    assert told.json["added"] is None
    assert [found["url"] for found in told.json["candidates"]] == [
        publisher.url("/world.rss"),
        publisher.url("/sport.rss"),
    ]
    assert tocsin.file.read_text() == FEEDS


def test_the_likeliest_feed_of_a_page_is_taken_if_that_is_wished(tocsin: Tocsin, publisher: Publisher) -> None:
    publisher.pages["/"] = PAGE
    assert tocsin.add(publisher.url(), "--yes").code == 0
    assert tocsin.added() == [(publisher.url("/world.rss"), "Газета: світ", "uk")]


def test_the_only_feed_of_a_page_needs_no_choice(tocsin: Tocsin, publisher: Publisher) -> None:
    publisher.pages |= {"/": "<html>Paper</html>", "/feed.xml": rss("")}
    assert tocsin.add(publisher.url()).code == 0
    assert tocsin.added() == [(publisher.url("/feed.xml"), "127.0.0.1", "uk")]


def test_a_person_at_a_terminal_chooses_by_number(tocsin: Tocsin, publisher: Publisher) -> None:
    publisher.pages["/"] = PAGE
    written = at_terminal(["feeds", "add", publisher.url()], tocsin.env, "7\n2\n")
    assert written.count("Which one, 1 to 2 [1]:") == 2
    assert "added Sport (" in written
    assert tocsin.added() == [(publisher.url("/sport.rss"), "Sport", "uk")]


def at_terminal(words: list[str], env: dict[str, str], keys: str) -> str:
    leader, follower = pty.openpty()
    os.write(leader, keys.encode())
    with subprocess.Popen(
        [sys.executable, "-m", "services.cli", *words],
        cwd=ROOT,
        stdin=follower,
        stdout=follower,
        stderr=follower,
        env=os.environ | {"TERM": "dumb", "LANG": "C.UTF-8"} | env,
    ):
        os.close(follower)
        written = b""
        while chunk := _read(leader):
            written += chunk
    os.close(leader)
    return written.decode()


def _read(descriptor: int) -> bytes:
    try:
        return os.read(descriptor, 65536)
    except OSError:  # Linux says EIO when the other side has closed
        return b""


def test_a_title_cannot_command_the_terminal(tocsin: Tocsin, publisher: Publisher) -> None:
    publisher.pages["/x"] = rss("A\u202eB&#x9b;2J" + "c" * 300)
    assert tocsin.add(publisher.url("/x")).code == 0
    ((_, name, _),) = tocsin.added()
    assert name.startswith("A\ufffdB")
    assert "\x9b" not in name
    assert len(name) == 120


def test_offline_nothing_is_asked(tocsin: Tocsin, publisher: Publisher) -> None:
    assert tocsin.add(publisher.url(), "--offline", "--name", "Paper").code == 0
    assert tocsin.added() == [(publisher.url(), "Paper", None)]
    ran = tocsin.add(publisher.url("/2"), "--offline")
    assert (ran.code, ran.err.startswith("tocsin: --name: ")) == (2, True)
    assert publisher.asked == []


def test_a_wrong_option_and_a_known_address_are_told_before_anything_is_asked(
    tocsin: Tocsin, publisher: Publisher
) -> None:
    ran = tocsin.add(publisher.url(), "--tier", "9", "--language", "Ukrainian")
    assert (ran.code, "--tier: " in ran.err, "--language: " in ran.err) == (2, True, True)
    ran = tocsin.add("https://news.example/rss")
    assert (ran.code, "there already" in ran.err) == (2, True)
    assert publisher.asked == []


def test_without_network_a_named_address_is_added_as_it_is(tocsin: Tocsin) -> None:
    dead = "http://127.0.0.1:1/feed"
    ran = tocsin.add(dead)
    assert ran.code == 1
    assert "--offline and --name" in ran.err
    ran = tocsin.add(dead, "--name", "Paper")
    assert (ran.code, "it is added as it is" in ran.err) == (0, True)
    assert tocsin.added() == [(dead, "Paper", None)]


@pytest.mark.parametrize("page", [None, "<html>nothing here</html>"])
def test_where_there_is_no_feed_nothing_is_added_and_the_way_out_is_told(
    tocsin: Tocsin, publisher: Publisher, page: str | None
) -> None:
    publisher.pages = {} if page is None else {"/": page}
    ran = tocsin.add(publisher.url(), "--name", "Paper")
    assert (ran.code, ran.out) == (1, "")
    assert ("HTTP 404" in ran.err) == (page is None)
    assert "--offline" in ran.err
    assert tocsin.file.read_text() == FEEDS
