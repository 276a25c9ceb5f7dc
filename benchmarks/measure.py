"""What the benchmarks share: laps run in turn, their CPU, and ratios of what stood side by side.

A shared machine makes absolute times mean little. So contestants take turns (A B A B …) in one run, and what counts is
the ratio within each round: its median, with the least and the greatest beside it.
"""

import asyncio
import os
import resource
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stderr
from dataclasses import dataclass
from multiprocessing import active_children
from pathlib import Path
from statistics import median

from redis import Redis

from shared.logs import configure_logs
from shared.runtime.private_redis import PrivateRedis, find_redis_binary

SEEDS = Path(__file__).parent.parent / "seeds"


def _nothing() -> None:
    return None


@dataclass(frozen=True, slots=True)
class Contestant:
    """`run` is measured; `before` and `after` are not. `after` raises if the work was not done.

    `redis`: a server that works for this contestant, whose CPU counts with it.
    """

    run: Callable[[], None]
    before: Callable[[], None] = _nothing
    after: Callable[[], None] = _nothing
    redis: Redis | None = None


@dataclass(frozen=True, slots=True)
class Row:
    """Two rates side by side, and their ratio in each round. `{}` in `meaning` stands for the median ratio."""

    what: str
    unit: str
    ours: float
    peer: float
    ratios: tuple[float, ...]
    meaning: str

    @property
    def ratio(self) -> float:
        return median(self.ratios)


def row(what: str, unit: str, work: int, ours: Sequence[float], peer: Sequence[float], meaning: str) -> Row:
    """From the seconds that each round's `work` took us and the peer."""
    ratios = tuple(theirs / mine for mine, theirs in zip(ours, peer, strict=True))
    return Row(what, unit, work / median(ours), work / median(peer), ratios, meaning)


def in_turn(contestants: Mapping[str, Contestant], rounds: int) -> dict[str, list[float]]:
    """CPU seconds of each lap, by name, in the order of the rounds. A round before them only warms up."""
    laps: dict[str, list[float]] = {name: [] for name in contestants}
    for number in range(rounds + 1):
        for name, contestant in contestants.items():
            progress(f"round {number} of {rounds}: {name}" if number else f"warming up: {name}")
            laps[name].append(_lap(contestant))
    progress("")
    return {name: of_name[1:] for name, of_name in laps.items()}


def _lap(contestant: Contestant) -> float:
    contestant.before()
    before = _cpu_seconds(contestant.redis)
    contestant.run()
    used = _cpu_seconds(contestant.redis) - before
    contestant.after()
    return used


def _cpu_seconds(redis: Redis | None) -> float:
    """Of this process, of its children, and of the Redis server with its own children."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    info: Mapping[str, float] = redis.info("cpu") if redis else {}
    parts = ("used_cpu_user", "used_cpu_sys", "used_cpu_user_children", "used_cpu_sys_children")
    ended = sum(u.ru_utime + u.ru_stime for u in used)
    living = sum(cpu_of(child.pid) for child in active_children() if child.pid)  # those of a pool, not mere commands
    return ended + living + sum(float(info[part]) for part in parts if part in info)


def cpu_of(pid: int) -> float:
    """Of a process that lives, user and system: fields 14 and 15 of proc_pid_stat(5); 0 where there is none."""
    try:
        after_name = Path(f"/proc/{pid}/stat").read_text("utf-8").rpartition(")")[2].split()
    except OSError:
        return 0.0
    return sum(map(int, after_name[11:13])) / os.sysconf("SC_CLK_TCK")


@contextmanager
def private_redis() -> Iterator[str]:
    """The address of a server of our own, durable as in production, for as long as the block."""
    with tempfile.TemporaryDirectory() as data, asyncio.Runner(loop_factory=asyncio.new_event_loop) as runner:
        server = PrivateRedis(Path(data), find_redis_binary(os.environ))
        url = runner.run(server.start())
        try:
            yield url
        finally:
            runner.run(server.stop())


@contextmanager
def logging_as_in_production(service: str) -> Iterator[None]:
    """One JSON line an event, rendered and written, though to nowhere."""
    with Path(os.devnull).open("w", encoding="utf-8") as nowhere, redirect_stderr(nowhere):
        configure_logs(service, style="json")
        yield


def progress(text: str) -> None:
    """A line that replaces itself, on a terminal only."""
    terminal = sys.__stderr__
    if terminal and terminal.isatty():
        terminal.write(f"\r\033[K{text}")
        terminal.flush()


def table(rows: Sequence[Row]) -> str:
    """A line for each row, and below it what it means."""
    width = max(len(each.what) for each in rows)
    lines = [f"{'what':{width}}  {'ours':>16}  {'peer':>16}  ratio (min–max)"]
    for each in rows:
        spread = f"{each.ratio:.2f} ({min(each.ratios):.2f}–{max(each.ratios):.2f})"
        ours, peer = (f"{rate:,.0f} {each.unit}" for rate in (each.ours, each.peer))
        lines += [f"{each.what:{width}}  {ours:>16}  {peer:>16}  {spread}", f"    {each.meaning.format(each.ratio)}"]
    return "\n".join(lines)
