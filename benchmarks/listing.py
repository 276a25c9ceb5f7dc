"""The list of stories with many of them, beside the list with few: the slowest of a hundred requests, p99.

    python -m benchmarks.listing [--many N] [--few N] [--requests N] [--rounds N]

Both are asked in turn, one request each, of gateways as they are wired in production, without a socket, each on a Redis
of its own. Measured by the clock, which is what people wait for, and by the gateway's CPU, which no neighbour disturbs.
"""

import argparse
import asyncio
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager
from datetime import UTC, datetime, timedelta
from random import Random
from statistics import median

import httpx

from benchmarks.happenings import Press
from benchmarks.measure import Row, private_redis, progress, table
from services.classifier.telling import place
from services.gateway.app import create_app
from services.gateway.wiring import opened
from shared import keys
from shared.models.change import Background
from shared.models.story import Story
from shared.settings import Settings
from shared.store.connection import connect_sync
from shared.store.stories import _unchanged

MANY, FEW, REQUESTS, ROUNDS = 10_000, 100, 300, 5
ARTICLES = 5
PAGE = "/v1/stories?limit=20"
# Seconds by the clock, and of CPU.
Took = tuple[float, float]
# By what is asked: of each gateway, the p99 of each round.
Measured = Mapping[str, Sequence[Sequence[Took]]]
Ask = Callable[[Random, Sequence[str]], str]


def _stories(count: int) -> list[Story]:
    """Each told by a few, as the classifier leaves them; a minute apart."""
    press, now = Press(Random(1)), datetime.now(UTC)
    return [_story(press, now - timedelta(minutes=number)) for number in range(count)]


def _story(press: Press, at: datetime) -> Story:
    happening, known = press.happening(), list[Story]()
    for _ in range(ARTICLES):
        report = press.report(happening, at)
        known = [place(report.entry, report.match, Background(known, len(known)), at).story]
    return known[0]


def _fill(counts: Mapping[str, int]) -> None:
    """By the address of a server. Nothing of it stays here: a collector of garbage would go through it at any time."""
    stories = _stories(max(counts.values()))
    for url, count in counts.items():
        _put(url, stories[:count])


def _put(url: str, stories: Sequence[Story]) -> None:
    with connect_sync(url) as redis, redis.pipeline(transaction=False) as pipe:
        for story in stories:
            moment = story.updated_at.timestamp()
            pipe.set(keys.story(story.id), story.model_dump_json(exclude_defaults=True))
            pipe.zadd(keys.stories(), {story.id: moment})
            pipe.zadd(keys.topic_stories(story.topic), {story.id: moment})
        pipe.execute()


@asynccontextmanager
async def _client(url: str) -> AsyncIterator[httpx.AsyncClient]:
    async with (
        opened(Settings(), url) as gateway,
        httpx.AsyncClient(transport=httpx.ASGITransport(create_app(gateway)), base_url="http://gateway") as client,
    ):
        yield client


async def _cursors(client: httpx.AsyncClient) -> list[str]:
    """Of all pages but the first."""
    found, path = list[str](), PAGE
    while cursor := (await client.get(path)).json()["next"]:
        found.append(cursor)
        path = f"{PAGE}&cursor={cursor}"
    return found


# A gateway remembers the stories that it read last. Of few these are all, so that for both it is made to forget them.
COLD = "any page, cold"
ASKS: Mapping[str, Ask] = {
    "the newest": lambda draw, cursors: "/v1/stories",
    COLD: lambda draw, cursors: f"{PAGE}&cursor={draw.choice(cursors)}",
    "filtered": lambda draw, cursors: "/v1/stories?severity=low&rung=true",
}


SHOWN = (
    (0, "by the clock", "the newest"),
    (1, "of CPU", "the newest"),
    (1, "of CPU", COLD),
    (1, "of CPU", "filtered"),
)


async def _measured(urls: Sequence[str], requests: int, rounds: int) -> Measured:
    """In each round. What is asked changes with the round last, so that nothing is cold but what is meant to be."""
    draw, found = Random(1), dict[str, list[list[Took]]]()
    async with AsyncExitStack() as stack:
        clients = [await stack.enter_async_context(_client(url)) for url in urls]
        cursors = [await _cursors(client) for client in clients]
        for name, ask in ASKS.items():
            found[name] = [[] for _ in urls]
            for number in range(rounds + 1):  # the first only warms up
                progress(f"round {number} of {rounds}: {name}")
                taken = [list[Took]() for _ in urls]
                for _ in range(requests):
                    for client, of_client, known in zip(clients, taken, cursors, strict=True):
                        if name == COLD:
                            _unchanged.cache_clear()
                        of_client.append(await _asked(client, ask(draw, known)))
                for rounds_of, of_client in zip(found[name], taken, strict=True):
                    rounds_of.extend([_p99(of_client)] * (number > 0))
    return found


async def _asked(client: httpx.AsyncClient, path: str) -> Took:
    clock, cpu = time.perf_counter(), time.thread_time()
    answer = await client.get(path)
    took = time.perf_counter() - clock, time.thread_time() - cpu
    if answer.status_code != 200 or not answer.json()["items"]:
        raise RuntimeError(f"{path}: {answer.status_code}")
    return took


def _p99(taken: Sequence[Took]) -> Took:
    clock, cpu = (sorted(part)[len(part) * 99 // 100] for part in zip(*taken, strict=True))
    return clock, cpu


def measure(many: int = MANY, few: int = FEW, requests: int = REQUESTS, rounds: int = ROUNDS) -> list[Row]:
    with ExitStack() as stack:
        urls = [stack.enter_context(private_redis()) for _ in range(2)]
        _fill(dict(zip(urls, (many, few), strict=True)))
        measured = asyncio.run(_measured(urls, requests, rounds))
    progress("")
    what = f"{many:,} stories beside {few:,}"
    return [_row(f"{what}: {name}, p99 {unit}", measured[name], at) for at, unit, name in SHOWN]


def _row(what: str, measured: Sequence[Sequence[Took]], at: int) -> Row:
    ours, peer = ([took[at] for took in of_one] for of_one in measured)
    ratios = tuple(mine / theirs for mine, theirs in zip(ours, peer, strict=True))
    meaning = "The slowest of a hundred takes {:.2f} times as long."
    return Row(what, "µs", median(ours) * 1e6, median(peer) * 1e6, ratios, meaning)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--many", type=int, default=MANY)
    parser.add_argument("--few", type=int, default=FEW)
    parser.add_argument("--requests", type=int, default=REQUESTS)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    print(table(measure(**vars(parser.parse_args()))))


if __name__ == "__main__":
    main()
