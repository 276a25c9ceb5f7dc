"""What `tocsin up` shows: a line for each feed with news, a block for each alert that rang, a status line below."""

import json
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from services.cli.subscriptions.events import EVENTS, delivery_line
from shared.models.feed import Outcome
from shared.models.story import Article, KnownClaim, Story

# Without a terminal there is no line to keep up to date: the status is printed when this long has passed.
STATUS_EVERY_SECONDS = 15.0
LISTED_ARTICLES = 8
LISTED_CLAIMS = 6
# When the network is down, all feeds fail; nobody reads them all.
LISTED_FAILURES = 12
_SEVERITY_STYLES = {"critical": "bold white on red", "high": "bold red", "medium": "yellow", "low": "cyan"}
_UNSHOWN_FAILURES = frozenset({"lease_lost", "lease_expired"})
_SUCCESSES = frozenset(outcome.value for outcome in Outcome if outcome.succeeded)


@dataclass(slots=True)
class Tally:
    """What happened since the start."""

    polls: int = 0
    entries: int = 0
    relevant: int = 0
    rung: set[tuple[str, int]] = field(default_factory=set)
    undelivered: int = 0
    failing: set[str] = field(default_factory=set)
    answered: bool = False
    restarts: Counter[str] = field(default_factory=Counter)

    def line(self) -> str:
        parts = [
            f"{self.polls:,} polls",
            f"{self.entries:,} new entries",
            f"{self.relevant:,} relevant",
            f"{len(self.rung)} rung",
        ]
        if self.failing:
            parts.append(f"{len(self.failing)} feeds failing")
        if self.undelivered:
            parts.append(f"{self.undelivered} failed attempts to deliver")
        if self.restarts:
            parts.append("restarted: " + ", ".join(f"{name} ×{n}" for name, n in sorted(self.restarts.items())))
        return " · ".join(parts)


class Display:
    """A context manager around the terminal: `heard` takes the services' log lines, `rang` a delivered story."""

    def __init__(self, console: Console | None = None) -> None:
        self.console = console or Console(highlight=False)
        self.tally = Tally()
        self.board = ""
        self._live = Live(self._status(), console=self.console, auto_refresh=False, transient=True)
        self._last_status = ""
        self._status_at = datetime.now(UTC)

    def __enter__(self) -> "Display":
        if self.console.is_terminal:
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._live.stop()
        self.console.print(f"[dim]{self.tally.line()}[/dim]")

    def say(self, text: str | RenderableType, style: str = "") -> None:
        if isinstance(text, str):  # into a pipe, which has no width, without breaks
            self.console.print(Text(text, style=style), soft_wrap=not self.console.is_terminal)
        else:
            self.console.print(text)
        self._refresh()

    def heard(self, service: str, line: str) -> None:
        """A line of a service's log: JSON events are shown in a person's words, anything else as it is."""
        try:
            event = json.loads(line)
        except ValueError:
            event = None
        if not isinstance(event, dict):
            self.say(f"{_clock()}  {service}: {line}", "dim")
            return
        known_failing = event.get("feed") in self.tally.failing
        self._count(event)
        shown = _told(service, event, known_failing, self.tally)
        if shown is not None:
            self.console.print(shown, no_wrap=True, overflow="ellipsis", crop=self.console.is_terminal)
        self._refresh()

    def fell(self, service: str, code: int) -> None:
        self.tally.restarts[service] += 1
        self.say(f"{_clock()}  {service} ended unexpectedly ({_how(code)}); starting it again", "yellow")

    def rang(self, story: Story, revision: int, subscription: str) -> None:
        self.tally.rung.add((story.id, revision))
        self.say(alert_block(story, revision, subscription))

    def _count(self, event: dict[str, object]) -> None:
        match event.get("event"):
            case "feed.polled":
                self._count_poll(str(event.get("feed")), str(event.get("outcome")), event.get("new"))
            case "entry.relevant":
                self.tally.relevant += 1
            case "alert.not_delivered":
                self.tally.undelivered += 1
            case "gateway.listening":
                self.board = _board(event)

    def _count_poll(self, feed: str, outcome: str, new: object) -> None:
        self.tally.polls += 1
        self.tally.entries += new if isinstance(new, int) else 0
        if outcome in _SUCCESSES:
            self.tally.answered = True
            self.tally.failing.discard(feed)
        else:
            self.tally.failing.add(feed)

    def _status(self) -> Text:
        return Text(f"{_clock()}  {self.tally.line()} · Ctrl-C stops", style="bold")

    def _refresh(self) -> None:
        if self.console.is_terminal:
            self._live.update(self._status(), refresh=True)

    def tick(self) -> None:
        """Called every second."""
        self._refresh()
        now, line = datetime.now(UTC), self.tally.line()
        due = (now - self._status_at).total_seconds() >= STATUS_EVERY_SECONDS and line != self._last_status
        if not self.console.is_terminal and due:
            self._status_at, self._last_status = now, line
            self.console.print(f"{_clock()}  {line}")


def _told(service: str, event: dict[str, object], known_failing: bool, tally: Tally) -> Text | None:
    """A log event in a person's words, or None when it is not worth a line."""
    match event.get("event"):
        case "feed.polled":
            return _poll_line(event, known_failing, tally)
        case "entry.relevant":
            mark = "◆" if event.get("rings") else "◇"
            decision = str(event.get("decision"))
            return Text(f"{_clock()}  {mark} {decision:<11} {event.get('source')}: {event.get('title')}", style="cyan")
        case str(name) if name in EVENTS:
            return delivery_line(event, _clock())
        case "feeds.configured" | "gateway.listening":
            return Text(f"{_clock()}  {_ready(event)}")
    if event.get("level") not in ("warning", "error", "critical"):
        return None
    rest = {k: v for k, v in event.items() if k not in ("event", "level", "timestamp", "service", "exception")}
    details = " ".join(f"{k}={v}" for k, v in rest.items())
    return Text(f"{_clock()}  {service}: {event.get('event')} {details}", style="yellow")


def _ready(event: dict[str, object]) -> str:
    if event.get("event") == "gateway.listening":
        return f"the board is at {_board(event)}"
    return f"{event.get('feeds')} feeds configured, {event.get('added')} of them new"


def _board(event: dict[str, object]) -> str:
    return f"http://{event.get('host')}:{event.get('port')}/"


def _poll_line(event: dict[str, object], known_failing: bool, tally: Tally) -> Text | None:
    """A feed that begins to fail, works again, or has news; a feed that goes on failing is in the status line."""
    feed, outcome, new = event.get("feed"), str(event.get("outcome")), event.get("new")
    if outcome not in _SUCCESSES:
        text = f"{_clock()}  ✗ {feed}: {outcome.replace('_', ' ')}  {event.get('detail')}"
        if len(tally.failing) == LISTED_FAILURES:
            text = f"{_clock()}  ✗ {_many(tally)}"
        shown = not known_failing and outcome not in _UNSHOWN_FAILURES and len(tally.failing) <= LISTED_FAILURES
        return Text(text, style="dim red") if shown else None
    if known_failing and not new:
        return Text(f"{_clock()}  ✓ {feed}: works again", style="dim green")
    return Text(f"{_clock()}  + {feed}: {new} new", style="green") if new else None


def _many(tally: Tally) -> str:
    if not tally.answered:
        return "no feed has answered yet: is the network there?"
    return "and more feeds fail; `tocsin feeds list` shows which"


def alert_block(story: Story, number: int, subscription: str) -> RenderableType:
    """A story as a person wants to read it: what, how sure, who says so; at first, all that it is made of."""
    revision = next((r for r in story.revisions if r.number == number), story.revisions[-1])
    rows: list[RenderableType] = [Text(story.title, style="bold")]
    if revision.reason != "new_story":
        rows.append(Text(revision.detail, style="italic"))
    rows += [Text("  • " + claim_text(claim)) for claim in story.said[:LISTED_CLAIMS]]
    rows += [Text(), Text(_sources_text(story), style="dim")]
    if revision.reason == "new_story":
        rows.append(_articles(story.articles))
    style = _SEVERITY_STYLES.get(story.severity.value, "cyan")
    title = f"[{style}] {revision.type.value.upper()} [/] {story.topic} · {story.event_type} · {story.severity.value}"
    return Panel(
        Group(*rows), title=title, title_align="left", subtitle=f"rev {number} → {subscription}", subtitle_align="right"
    )


def claim_text(claim: KnownClaim) -> str:
    """For example: `casualties: about 4,000 (Ukraine, claimed; 5 sources)`."""
    qualifier = f"{claim.qualifier.replace('_', ' ')} " if claim.qualifier else ""
    figure = f": {qualifier}{claim.value:,.0f}" if claim.value is not None else ""
    place = f", {claim.place}" if claim.place else ""
    who = f"{claim.attribution}, " if claim.attribution else ""
    count = len(claim.sources)
    return (
        f"{claim.role or claim.kind}{figure}{place} ({who}{claim.certainty.value}; {count} source{'s' * (count != 1)})"
    )


def _sources_text(story: Story) -> str:
    languages = ", ".join(sorted(story.languages))
    return f"{len(story.articles)} articles, {len(story.sources)} sources, in {languages}"


def _articles(articles: tuple[Article, ...]) -> RenderableType:
    table = Table.grid(padding=(0, 2))
    for article in articles[:LISTED_ARTICLES]:
        style = "" if article.counts else "dim"
        table.add_row(article.decision.value, article.language or "", article.source, article.title, style=style)
    if len(articles) > LISTED_ARTICLES:
        table.add_row("", "", "", f"… and {len(articles) - LISTED_ARTICLES} more")
    return table


def _how(code: int) -> str:
    return f"signal {-code}" if code < 0 else f"exit code {code}"


def _clock() -> str:
    return datetime.now().astimezone().strftime("%H:%M:%S")
