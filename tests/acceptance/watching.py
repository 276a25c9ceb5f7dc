"""Watch the running system with a real Prometheus: every query answers, and every alert rings when it must.

    python -m tests.acceptance.watching [--replay URL] [--seed N]

The services run as in production, on a Redis of their own, at a pace of minutes as seconds. They read the demo's feeds
and outlets that publish without pause, with the faults of real ones; with --replay also up to 60 feeds that somebody
serves on this machine, of whose addresses URL is a list. Two Prometheus scrape them each second on the shipped config,
with the shipped rules at another pace: in one a minute is a second, in the other, for what is looked at over days, an
hour is. What became of the rules' times is shown. Needs Debian's package `prometheus`, and six to eight minutes.

1. While all is well: promtool has nothing to complain of in what each process says; every query of every panel, as
   Grafana asks it when the board is opened, and of every rule returns data that is not NaN, but for a few that are
   rightly empty; and no alert rings.
2. Each fault is provoked: its alerts ring, what their runbooks say to look at shows something, and they cease when it
   is mended. What was rightly empty has returned data by then.

Exit code 1 if anything is not so, 2 without Prometheus.
"""

import argparse
import asyncio
import logging
import sys
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

from rich.console import Console

from tests.acceptance.faults import Fault, among_news, at_last, in_silence, silence
from tests.acceptance.newsroom import newsroom
from tests.acceptance.paces import DAYS, MINUTES, SCRAPE_SECONDS, of_days, shipped_config, shipped_groups
from tests.acceptance.prometheus import Alert, Missing, Prometheus, Refused, is_installed, local, promtool
from tests.acceptance.queries import Query, of_boards, of_rules, of_runbook
from tests.acceptance.reporting import Rung, answers, paces, rings
from tests.acceptance.running import PROCESSES, System, free_port, running
from tests.acceptance.shortened import Group, shortened

START_SECONDS = 60.0
# Panels count rare things from one full minute to the next, and see that something grew when there are two.
CALM_SECONDS, SETTLE_SECONDS, LOOK_SECONDS = 65.0, 90.0, 0.5


@dataclass(slots=True)
class Watch:
    """`minutes`, `days`: what Prometheus takes for a second."""

    system: System
    minutes: Prometheus
    days: Prometheus
    queries: Sequence[Query]
    rung: list[Rung] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    began: float = field(default_factory=time.monotonic)

    def say(self, what: str) -> None:
        print(f"{time.monotonic() - self.began:5.0f} s  {what}", file=sys.stderr, flush=True)

    async def alerts(self) -> list[Alert]:
        return [*await self.minutes.alerts(), *await self.days.alerts()]

    # While all is well.

    async def calm(self) -> None:
        await self._all_targets_answer()
        self.say(f"{len(PROCESSES)} processes are scraped")
        self.system.room.names_hub = True  # what comes before the first scrape is not seen to grow
        await self.system.room.demo.publish_later()
        await asyncio.sleep(CALM_SECONDS)
        await self.system.room.push()
        await self._promtool_is_content()
        await self._every_query_answers()
        await self._nothing_rings()

    async def _all_targets_answer(self) -> None:
        async with asyncio.timeout(START_SECONDS):
            for prometheus in (self.minutes, self.days):
                while sum((await prometheus.up()).values()) < len(PROCESSES):  # noqa: ASYNC110 - it happens elsewhere
                    await asyncio.sleep(LOOK_SECONDS)

    async def _promtool_is_content(self) -> None:
        for process in PROCESSES:
            try:
                await promtool("check", "metrics", said=await self.system.exposition(process))
            except Refused as error:
                self.problems.append(f"promtool has something to say of {process}: {error}")
        self.say(f"promtool check metrics: {', '.join(PROCESSES)}")

    async def _every_query_answers(self) -> None:
        left, until = list(self.queries), time.monotonic() + SETTLE_SECONDS
        while left and time.monotonic() < until:
            for query in left:
                await query.ask()
            left = [query for query in left if not query.is_as_it_should_be]
            await asyncio.sleep(LOOK_SECONDS)
        self.problems += [f"{each.where}, {each.title}: {each}: {each.expr}" for each in left]
        self.say(f"{len(self.queries)} queries are asked, {len(left)} are not answered as they should be")

    async def _nothing_rings(self) -> None:
        until = time.monotonic() + SETTLE_SECONDS
        while (firing := await self._firing()) and time.monotonic() < until:  # noqa: ASYNC110 - it happens elsewhere
            await asyncio.sleep(LOOK_SECONDS)
        self.problems += [f"rings while all is well: {each.summary}" for each in firing]

    async def _firing(self) -> list[Alert]:
        """But for the feeds of others, which may be broken."""
        return [each for each in await self.alerts() if each.fires and "Replayed" not in each.labels.get("feed", "")]

    # What is provoked.

    async def provoke(self) -> None:
        await asyncio.gather(*map(self.play, among_news()))
        silent = asyncio.create_task(self.play(silence()))
        for fault in in_silence():
            await self.play(fault)
        await silent
        for fault in at_last():
            await self.play(fault)
        never = [each for each in self.queries if each.empty_until and not each.provoked]
        self.problems += [f"never returned data: {each.where}, {each.title}: {each.expr}" for each in never]

    async def play(self, fault: Fault) -> None:
        rung = [Rung(fault.what, ring) for ring in fault.rings]
        self.rung += rung
        before = await self.alerts()
        self.problems += [f"{each} rang before {fault.what}" for each in fault.rings if each.is_told_by(before)]
        self.say(fault.what)
        async with fault.during(self.system):
            await self._ring(rung, fault.patience)
        await self._cease(rung, fault.patience)
        self.problems += [problem for each in rung for problem in each.problems()]
        self.problems += [f"{name} ended by itself: {fault.what}" for name in self.system.fallen()]

    async def _ring(self, rung: Sequence[Rung], patience: float) -> None:
        since = time.monotonic()
        while (waiting := [each for each in rung if each.after is None]) and time.monotonic() < since + patience:
            await asyncio.sleep(LOOK_SECONDS)
            alerts = await self.alerts()
            for each in waiting:
                if each.ring.is_told_by(alerts):
                    each.after = time.monotonic() - since
                    self.say(f"    {each.ring} rings")
                    await self._look(each)

    async def _look(self, rung: Rung) -> None:
        """As those do who are woken."""
        rung.shown = [*of_runbook(rung.ring.alert, self.minutes)]
        for query in rung.shown:
            await query.ask()
        for query in self.queries:
            if query.empty_until == rung.ring.title and not query.provoked:
                await query.ask()
                query.provoked = rung.fault if query.answered else ""

    async def _cease(self, rung: Sequence[Rung], patience: float) -> None:
        since = time.monotonic()
        while (waiting := [each for each in rung if each.over is None]) and time.monotonic() < since + patience:
            await asyncio.sleep(LOOK_SECONDS)
            alerts = await self.alerts()
            for each in waiting:
                if not each.ring.is_told_by(alerts):
                    each.over = time.monotonic() - since


async def watching(replay: str | None, seed: int) -> int:
    console = Console(width=150)
    console.print(paces())
    async with AsyncExitStack() as stack:
        home = Path(stack.enter_context(TemporaryDirectory(prefix="tocsin-watching-")))
        room = await stack.enter_async_context(newsroom(replay, seed))
        system = await stack.enter_async_context(running(home, room))
        watch = await _begun(system, stack)
        await watch.calm()
        await watch.provoke()
        watch.say("all is done")
    console.print(answers(watch.queries))
    console.print(rings(watch.rung))
    return _summed_up(watch)


async def _begun(system: System, stack: AsyncExitStack) -> Watch:
    config = local(shipped_config(), system.targets, SCRAPE_SECONDS)

    async def prometheus(name: str, groups: Sequence[Group]) -> Prometheus:
        return await stack.enter_async_context(Prometheus(system.home / name, free_port(), config, groups))

    by_minutes = shortened(shipped_groups(), MINUTES, lambda rule: not of_days(rule))
    by_days = shortened(shipped_groups(), DAYS, of_days)
    minutes, days = await prometheus("minutes", by_minutes), await prometheus("days", by_days)
    over_days = [query for query in of_rules(by_days, days) if query.empty_until]
    return Watch(system, minutes, days, [*of_boards(minutes), *of_rules(by_minutes, minutes), *over_days])


def _summed_up(watch: Watch) -> int:
    empty = [each for each in watch.queries if each.empty_until]
    print(f"{len(watch.queries)} queries: {len(watch.queries) - len(empty)} return data while all is well;")
    provoked = [each for each in empty if each.provoked]
    print(f"{len(empty)} are rightly empty then, {len(provoked)} of which were provoked to return data")
    rung = [each for each in watch.rung if each.after is not None]
    print(f"{len(rung)} of {len(watch.rung)} alerts rang, {sum(each.over is not None for each in rung)} ceased")
    print("\n".join(watch.problems) or "every query answers, and every alert rings when it must")
    return 1 if watch.problems else 0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--replay", metavar="URL", help="a list of feeds' addresses on this machine, one a line")
    parser.add_argument("--seed", type=int, default=int(time.time()))
    options = parser.parse_args()
    logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL)  # hosts die in the middle of an answer
    try:
        is_installed()
    except Missing as error:
        print(error, file=sys.stderr)
        return 2
    return asyncio.run(watching(options.replay, options.seed))


if __name__ == "__main__":
    sys.exit(main())
