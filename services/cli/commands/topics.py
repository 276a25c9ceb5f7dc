"""`tocsin topics`: what is watched, what the classifier makes of a text, and how good it is."""

import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from services.classifier.backtest import compare
from services.classifier.describing import Measure, measure
from services.classifier.match import Matcher, Topic
from services.classifier.packs import installed_matcher
from services.classifier.text import language_of
from services.cli import wiring
from services.cli.progress import counting
from services.cli.render import facts, highlighted, print_json, print_table, quoted, remark, say, show
from services.cli.topics.backtest import changed_pack
from services.cli.topics.classify import verdicts
from services.cli.topics.evaluation import evaluate
from services.cli.topics.lines import BadLine, EntryLine, LabelledLine, read_file, read_lines
from services.cli.topics.scorecard import as_json, show_backtest, show_evaluation
from shared.errors import ConfigError
from shared.models.topic import Claim, TopicMatch

app = typer.Typer(
    help="Show what is watched; try texts on it, measure it.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
)
COLUMNS = ("name", "title", "languages", "forms", "examples", "threshold", "version")
Json = Annotated[bool, typer.Option("--json", help="As JSON.")]


@app.command("list")
def list_topics(json: Json = False) -> None:
    """The topic packs, with the version that alerts name."""
    topics = installed_matcher(wiring.settings()).topics
    if json:
        print_json([_described(topic) for topic in topics])
    else:
        print_table(COLUMNS, [_row(topic, measure(topic.pack)) for topic in topics], elastic="title")


@app.command("test")
def try_text(
    headline: Annotated[str, typer.Argument(metavar="HEADLINE", help="The title of an entry.")],
    summary: Annotated[str, typer.Option(help="The text below the title.")] = "",
    language: Annotated[str | None, typer.Option(help="As the feed declares it, e.g. uk.")] = None,
    json: Json = False,
) -> None:
    """Judge a text as the classifier would.

    Exit code 1 if it is not relevant.
    """
    text = f"{headline}\n{summary}"
    matcher = installed_matcher(wiring.settings())
    matches = matcher.match(text, language, datetime.now(UTC).date())
    spoken = matches[0].language if matches else language_of(text, language)
    relevant = any(match.relevant for match in matches)
    if json:
        judged = [match.model_dump(mode="json") for match in matches]
        print_json({"relevant": relevant, "language": spoken, "matches": judged})
    else:
        _show(matches, text.rstrip("\n"), spoken)
    raise typer.Exit(0 if relevant else 1)


@app.command("eval")
def evaluate_file(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Labelled items, a JSON object a line.")],
    topic: Annotated[str | None, typer.Option(help="That of the labels; else whichever an item says most of.")] = None,
    json: Json = False,
) -> None:
    """Measure precision and recall on labelled items.

    Also F1, by language and event type, and each miss with its evidence.
    """
    matcher = installed_matcher(wiring.settings())
    items = [*_labelled(file, _events(matcher, topic))]
    evaluation = evaluate(matcher, counting(items, "judged", len(items)), topic)
    versions = {name: version for name, version in matcher.versions.items() if topic in (None, name)}
    if json:
        print_json(as_json(evaluation, versions))
    else:
        show_evaluation(evaluation, versions)


@app.command("classify")
def classify() -> None:
    """Judge entries, a JSON object a line.

    From standard input; a line is printed for each entry and topic.
    """
    matcher = installed_matcher(wiring.settings())
    bad = 0
    for number, entry in read_lines(EntryLine, counting(sys.stdin.buffer, "classified")):
        if isinstance(entry, BadLine):
            bad += 1
            remark(f"line {number}: {'; '.join(entry.problems)}")
        else:
            for line in verdicts(matcher, entry):
                sys.stdout.write(line + "\n")
    raise typer.Exit(1 if bad else 0)


@app.command("backtest")
def backtest_pack(
    topic: Annotated[str, typer.Option(help="A changed pack: its directory, or the name of a topic.")],
    days: Annotated[float, typer.Option(min=0, help="Take the entries that were seen in so many last days.")] = 14,
    json: Json = False,
) -> None:
    """Try a changed pack on the entries in Redis.

    What it finds, and what is new or lost against the pack in force.
    """
    settings = wiring.settings()
    name, changed = changed_pack(topic, settings.topics_dir)
    in_force = installed_matcher(settings)
    with wiring.opened_backlog(settings) as backlog:
        entries = backlog.entries.since(datetime.now(UTC) - timedelta(days=days))
        result = compare(counting(entries, "read"), name, changed, in_force)
    show_backtest(name, result, {"changed": changed.versions[name], "in_force": in_force.versions.get(name)}, json=json)


def _events(matcher: Matcher, topic: str | None) -> tuple[str, ...]:
    rules = {each.pack.name: each.pack.topic for each in matcher.topics}
    if topic is not None and topic not in rules:
        raise ConfigError(f"--topic: no topic `{topic}`; allowed: {', '.join(rules)}")
    chosen = [rule for name, rule in rules.items() if topic in (None, name)]
    return tuple(dict.fromkeys(event for rule in chosen for event in rule.events))


def _labelled(file: Path, events: Sequence[str]) -> Iterator[tuple[int, LabelledLine]]:
    """Raises ConfigError with every bad line, each by line and field."""
    good, problems = list[tuple[int, LabelledLine]](), list[str]()
    for number, item in read_file(LabelledLine, file):
        if isinstance(item, BadLine):
            problems += (f"{file}:{number}: {problem}" for problem in item.problems)
        elif item.event_type not in (None, *events):
            problems.append(f"{file}:{number}: event_type: unknown `{item.event_type}`; allowed: {', '.join(events)}")
        else:
            good.append((number, item))
    if problems:
        raise ConfigError(*problems)
    return iter(good)


def _described(topic: Topic) -> dict[str, object]:
    rule = topic.pack.topic
    own = {"name": rule.name, "title": rule.title, "version": topic.version, "threshold": rule.threshold}
    return own | {"events": [*rule.events]} | asdict(measure(topic.pack))


def _row(topic: Topic, size: Measure) -> tuple[object, ...]:
    rule = topic.pack.topic
    return (
        rule.name,
        rule.title,
        " ".join(size.languages),
        size.forms,
        size.examples,
        f"{rule.threshold:g}",
        topic.version,
    )


def _show(matches: Sequence[TopicMatch], text: str, language: str | None) -> None:
    if not matches:
        say(f"not relevant: the actor of no topic is named (read as {language or 'any language'})")
    for match in matches:
        _show_match(match, text)


def _show_match(match: TopicMatch, text: str) -> None:
    verdict = Text("relevant", "bold green") if match.relevant else Text("not relevant", "bold red")
    show(Text.assemble(verdict, f" to {match.topic}: {match.reason}"))
    show(highlighted(text, match.evidence, match.negative))
    show(facts(_facts(match, text)))


def _facts(match: TopicMatch, text: str) -> list[tuple[str, object]]:
    judged = match.event_type is not None
    claims = [("claim", describe(claim, text)) for claim in match.claims]
    return [
        ("score", f"{match.score:g}, {match.threshold:g} needed" if judged else None),
        ("event", match.event_type),
        ("severity", match.severity.value if judged else None),
        ("tier", match.tier.value if judged else None),
        ("language", match.language),
        ("for", quoted(match.evidence)),
        ("against", quoted(match.negative)),
        *claims,
        ("version", match.version),
    ]


def describe(claim: Claim, text: str = "") -> str:
    """`casualties: killed about 300 people; in kursk; last week (2025-01-20 to 2025-01-26); says Ukraine (ukrainian);
    claimed`, and the words it was read from.
    """
    figure = None if claim.value is None else f"{claim.value:,.10g}"
    role = claim.role if claim.role != claim.kind else None
    number = " ".join(part for part in (role, claim.qualifier, figure, claim.unit) if part)
    place = f"in {claim.place}" if claim.place else None
    whose = f" ({claim.attribution_class})" if claim.attribution_class else ""
    speaker = f"says {claim.attribution}{whose}" if claim.attribution else None
    parts = [part for part in (number, place, _when(claim), speaker, claim.certainty.value) if part]
    source = f" “{text[claim.start : claim.end]}”" if text else ""
    return f"{claim.kind}: {'; '.join(parts)}{source}"


def _when(claim: Claim) -> str | None:
    """As written, and the days that this means."""
    if claim.time is None or claim.time_start is None or claim.time_end is None:
        return claim.time
    days = f"{claim.time_start}" if claim.time_start == claim.time_end else f"{claim.time_start} to {claim.time_end}"
    return f"{claim.time} ({days})"
