"""`tocsin feeds add`: from the address that a person has to the feed that is meant."""

import asyncio
import re
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from urllib.parse import urlsplit

import typer
from pydantic import ValidationError

from services.cli.finding import Finder, Finding, Offer
from services.cli.render import counted, duration, plain, print_json, remark, say
from services.poller.parsing import ParsingPool
from shared.config.feeds import add_feed, load_feeds
from shared.config.problems import explain
from shared.errors import ConfigError, TocsinError
from shared.http import GuardedClient, Limits
from shared.models.feed import Feed
from shared.settings import Settings

CHOICE_NEEDED = 5  # an exit code
# Of one answer; shorter than the poller's patience, since a person waits.
ANSWER_SECONDS = 10.0
MAX_NAME = 120
OPTIONS = {"url": "URL", "interval_seconds": "--interval"}
AS_IT_IS = "with --offline and --name it is added as it is"


def add_address(settings: Settings, given: Mapping[str, object], *, yes: bool, offline: bool, json: bool) -> Feed:
    """Put the feed that `given["url"]` is, or leads to, into the file; what is given goes before what it states.

    Raises ConfigError for a wrong option, before anything is sent; TocsinError if there is no feed; typer.Exit with
    CHOICE_NEEDED if there are several and nobody is there to choose.
    """
    named = given["name"] is not None
    if offline and not named:
        raise ConfigError("--name: is needed with --offline, for the feed is not asked for its title")
    draft = _feed(given if named else {**given, "name": urlsplit(str(given["url"])).hostname or "?"})
    if offline or any(feed.url == draft.url for feed in load_feeds(settings.feeds_file)):
        feed = draft  # if it is there already, nobody need be asked
    else:
        feed = _meant(draft, asyncio.run(_found(settings, draft.url)), named=named, yes=yes, json=json)
    add_feed(settings.feeds_file, feed)
    return feed


def _feed(given: Mapping[str, object]) -> Feed:
    try:
        return Feed.model_validate(given)
    except ValidationError as error:
        schema = Feed.model_json_schema()
        problems = [explain(detail, schema) for detail in error.errors(include_url=False)]
        raise ConfigError(*(f"{_option(str(problem.location[0]))}: {problem.text}" for problem in problems)) from None


def _option(field: str) -> str:
    return OPTIONS.get(field, f"--{field}")


async def _found(settings: Settings, url: str) -> Finding:
    limits = Limits(
        connect_seconds=settings.poll_connect_seconds,
        read_seconds=settings.poll_read_seconds,
        total_seconds=min(settings.poll_total_seconds, ANSWER_SECONDS),
        max_bytes=settings.poll_max_bytes,
    )
    async with (
        GuardedClient(user_agent=settings.user_agent, limits=limits, allow=settings.allow_networks) as http,
        ParsingPool(1, settings.parse_seconds) as parser,
    ):
        return await Finder(http, parser).find(url)


def _meant(draft: Feed, finding: Finding, *, named: bool, yes: bool, json: bool) -> Feed:
    if finding.away and named:
        remark(f"{finding.detail}; it is added as it is")
        return draft
    if finding.failure:
        raise TocsinError(f"{draft.url}: {finding.detail}; {AS_IT_IS}")
    if not finding.offers:
        raise TocsinError(
            f"{draft.url}: no feed, no page that leads to one, and none where feeds usually are; {AS_IT_IS}"
        )
    offer = finding.offers[0] if yes or len(finding.offers) == 1 else _chosen(finding.offers, json=json)
    stated = {"url": offer.url, "language": draft.language or _language(offer)}
    return _feed(draft.model_dump() | stated | ({} if named else {"name": _name(offer) or draft.name}))


def _name(offer: Offer) -> str:
    return plain(offer.title or "")[:MAX_NAME].strip()


def _language(offer: Offer) -> str | None:
    """Without script and region: nothing that is known of a feed depends on them."""
    primary = (offer.language or "").split("-")[0]
    return primary if re.fullmatch("[a-z]{2,3}", primary) else None


def _chosen(offers: Sequence[Offer], *, json: bool) -> Offer:
    if json:
        print_json({"added": None, "candidates": [_described(offer) for offer in offers]})
        raise typer.Exit(CHOICE_NEEDED)
    for number, offer in enumerate(offers, 1):
        say(f"{number}  {offer.title or '(no title)'}  ({', '.join(_facts(offer))})")
        say(f"   {offer.url}")
    if sys.stdin.isatty() and sys.stdout.isatty():
        return offers[_number(len(offers)) - 1]
    remark("several feeds: add one of these addresses, or the first with --yes")
    raise typer.Exit(CHOICE_NEEDED)


def _number(most: int) -> int:
    while True:
        number: int = typer.prompt(f"Which one, 1 to {most}", type=int, default=1)
        if 1 <= number <= most:
            return number


def _facts(offer: Offer) -> list[str]:
    age = round((datetime.now(UTC) - offer.newest).total_seconds()) if offer.newest else 0
    newest = [f"the newest {duration(age)} old"] if age > 0 else []
    language = [offer.language] if offer.language else []
    return [*language, counted(offer.items, "item"), *newest, *([offer.sign.value] if offer.sign else [])]


def _described(offer: Offer) -> dict[str, object]:
    return {
        "url": offer.url,
        "title": offer.title,
        "language": offer.language,
        "items": offer.items,
        "newest": offer.newest.isoformat() if offer.newest else None,
        "sign": offer.sign,
    }
