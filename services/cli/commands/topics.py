"""`tocsin topics`: what is watched, and what the classifier makes of a text."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Annotated

import typer
from rich.text import Text

from services.classifier.match import Topic
from services.classifier.packs import load_matcher
from services.classifier.text import language_of
from services.cli import wiring
from services.cli.render import facts, highlighted, print_json, print_table, quoted, say, show
from shared.models.pack import TopicPack
from shared.models.topic import Claim, TopicMatch

app = typer.Typer(
    help="Show what is watched; try a text on it.", no_args_is_help=True, add_completion=False, rich_markup_mode=None
)
COLUMNS = ("name", "title", "languages", "forms", "examples", "threshold", "version")
Json = Annotated[bool, typer.Option("--json", help="As JSON.")]


@dataclass(frozen=True, slots=True)
class Measure:
    """The size of a pack."""

    languages: tuple[str, ...]
    forms: int
    examples: int


def measure(pack: TopicPack) -> Measure:
    return Measure(
        languages=tuple(forms.language for forms in pack.languages),
        forms=sum(
            sum(len(named) for group in (own.concepts, own.events, own.roles, own.speakers) for named in group.values())
            + len(own.masks)
            + len(own.negatives)
            for own in pack.languages
        ),
        examples=sum(len(own.examples.match) + len(own.examples.no_match) for own in pack.languages),
    )


@app.command("list")
def list_topics(json: Json = False) -> None:
    """The topic packs, with the version that alerts name."""
    topics = load_matcher(wiring.settings().topics_dir).topics
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
    """Judge a text as the classifier would; exit code 1 if not relevant."""
    text = f"{headline}\n{summary}"
    matcher = load_matcher(wiring.settings().topics_dir)
    matches = matcher.match(text, language)
    spoken = matches[0].language if matches else language_of(text, language)
    relevant = any(match.relevant for match in matches)
    if json:
        judged = [match.model_dump(mode="json") for match in matches]
        print_json({"relevant": relevant, "language": spoken, "matches": judged})
    else:
        _show(matches, text.rstrip("\n"), spoken)
    raise typer.Exit(0 if relevant else 1)


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
    """`casualties: killed about 300 people; in kursk; says Ukraine; claimed`, and the words it was read from."""
    figure = None if claim.value is None else f"{claim.value:,.10g}"
    role = claim.role if claim.role != claim.kind else None
    number = " ".join(part for part in (role, claim.qualifier, figure, claim.unit) if part)
    place = f"in {claim.place}" if claim.place else None
    speaker = f"says {claim.attribution}" if claim.attribution else None
    parts = [part for part in (number, place, claim.time, speaker, claim.certainty.value) if part]
    source = f" “{text[claim.start : claim.end]}”" if text else ""
    return f"{claim.kind}: {'; '.join(parts)}{source}"
