"""Deliveries: what one costs beside an RQ job for each, and whether endpoints that fail hold up the others.

    python -m benchmarks.delivering [--deliveries N] [--rounds N] [--seconds N]

Ours is the notifier's process as in production, from the alert to the log of the attempt, for ten endpoints. The peer
is one RQ job a delivery, which signs the same body and posts it to the same receivers: on RQ's default worker, which
forks for each job, and on one that does not; with an httpx client for each job, as people write it, or one that the
worker keeps. Counted is the CPU of the worker alone; what queues the peer's jobs is not. Redis's is told beside it.

Then stories are told at a steady pace to twenty endpoints: in one phase all are well, in the next three hang, drip or
refuse, in turn and each on an empty Redis. Compared is the time from the alert to the request at the other seventeen.
"""

import argparse
import multiprocessing
import random
import resource
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from itertools import chain
from multiprocessing.connection import Connection
from statistics import median, quantiles

from redis import Redis
from rq import Queue, SimpleWorker, Worker
from rq.serializers import JSONSerializer
from rq.worker import BaseWorker

from benchmarks import posting
from benchmarks.measure import Row, private_redis, progress, row, table
from benchmarks.notifying import SECRET, Receivers, Teller, notifiers, receivers, wait
from benchmarks.receivers import WAYS
from services.notifier.channels.posting import compact
from services.notifier.render import sample_payload
from services.notifier.sample import sample_story
from services.notifier.snapshot import Reader
from shared.store.connection import connect_sync

DELIVERIES, ROUNDS, SECONDS = 1000, 5, 10.0
ENDPOINTS, OF_ALL, BAD, STORIES_A_SECOND = 10, 20, 3, 10.0
# So short that within a phase a breaker opens and its probes fail.
ISOLATION = {"delivery_total_seconds": 2.0}
SAMPLES = 1000
QUEUE = "deliveries"


@dataclass(frozen=True, slots=True)
class Cost:
    """CPU seconds of one delivery."""

    worker: float
    redis: float


# One job a delivery


@dataclass(frozen=True, slots=True)
class Peer:
    """How RQ is used: which worker, and which job. `share`: of the deliveries, for what takes so long."""

    name: str
    worker: type[BaseWorker]
    job: Callable[[str, str, str, str], None]
    share: float = 1.0


PEERS = (
    Peer("a forked RQ job, a client for each", Worker, posting.post, share=0.1),
    Peer("an RQ job, a client for each", SimpleWorker, posting.post, share=0.2),
    Peer("an RQ job, one client", SimpleWorker, posting.post_on),
)


@dataclass(frozen=True, slots=True)
class Course:
    """The same deliveries for everybody."""

    redis: Redis
    url: str
    receivers: Receivers
    deliveries: int

    def ours(self) -> Cost:
        with notifiers(1, self.redis, self.url, self.receivers.urls) as crew:
            teller = Teller(self.redis)
            before, redis = crew.cpu_seconds(), _redis_seconds(self.redis)
            teller.tell(self.deliveries // ENDPOINTS)
            wait(lambda: not crew.backlog())
            return self._cost(self.deliveries, crew.cpu_seconds() - before, _redis_seconds(self.redis) - redis)

    def theirs(self, peer: Peer) -> Cost:
        self.redis.flushall()
        queue = Queue(QUEUE, connection=self.redis, serializer=JSONSerializer)
        body = compact(sample_payload(sample_story(now := datetime.now(UTC)), now, Reader()))
        many = max(1, round(self.deliveries * peer.share))
        jobs = [
            Queue.prepare_data(peer.job, (self.receivers.urls[n % ENDPOINTS], SECRET, f"msg_{n}", body), result_ttl=0)
            for n in range(many)
        ]
        queue.enqueue_many(jobs)
        redis = _redis_seconds(self.redis)
        worker = _apart(partial(_work, self.url, peer.worker))
        return self._cost(many, worker, _redis_seconds(self.redis) - redis)

    def _cost(self, many: int, worker: float, redis: float) -> Cost:
        arrived = len(self.receivers.seen())
        if arrived != many:
            raise RuntimeError(f"{arrived} of {many} deliveries have arrived")
        return Cost(worker / many, redis / many)


def _redis_seconds(redis: Redis) -> float:
    info: Mapping[str, float] = redis.info("cpu")
    return float(info["used_cpu_user"]) + float(info["used_cpu_sys"])


def _work(url: str, kind: type[BaseWorker]) -> float:
    """CPU seconds of the worker with the children that it forks, from its first job to its last."""
    with connect_sync(url) as redis:
        worker = kind([QUEUE], connection=redis, serializer=JSONSerializer, log_job_description=False)
        before = _own_seconds()
        worker.work(burst=True, logging_level="ERROR")
        return _own_seconds() - before


def _own_seconds() -> float:
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in used)


def _apart(work: Callable[[], float]) -> float:
    """In a process of its own."""
    spawn = multiprocessing.get_context("spawn")
    here, there = spawn.Pipe(duplex=False)
    process = spawn.Process(target=_told, args=(work, there))
    process.start()
    there.close()
    try:
        return float(here.recv())
    finally:
        process.join()


def _told(work: Callable[[], float], there: Connection) -> None:
    there.send(work())


def costs(redis: Redis, url: str, deliveries: int, rounds: int) -> list[Row]:
    """A round before the others only warms up."""
    with receivers(ENDPOINTS) as there:
        course = Course(redis, url, there, deliveries)
        found = [_costs(course, number, rounds) for number in range(rounds + 1)][1:]
    progress("")
    return [
        _cost_row(peer.name, [each["ours"] for each in found], [each[peer.name] for each in found]) for peer in PEERS
    ]


def _costs(course: Course, number: int, rounds: int) -> dict[str, Cost]:
    progress(f"deliveries: round {number} of {rounds}" if number else "deliveries: warming up")
    return {"ours": course.ours()} | {peer.name: course.theirs(peer) for peer in PEERS}


def _cost_row(peer: str, ours: Sequence[Cost], theirs: Sequence[Cost]) -> Row:
    redis = [1000 * median(cost.redis for cost in costs) for costs in (ours, theirs)]
    return row(
        f"deliveries: {peer}",
        "/CPU s",
        1,
        [cost.worker for cost in ours],
        [cost.worker for cost in theirs],
        f"For one CPU second the notifier makes {{:.1f}} times as many deliveries as {peer}. "
        f"Redis spends {redis[0]:.2f} ms on ours, and {redis[1]:.2f}.",
    )


# Isolation


@dataclass(frozen=True, slots=True)
class Phase:
    """Seconds from the alert to the request at those that are well, in the order of the stories."""

    latencies: Sequence[Sequence[float]]

    def at(self, percent: int) -> float:
        return percentile(list(chain.from_iterable(self.latencies)), percent)


def percentile(values: Sequence[float], percent: int) -> float:
    return quantiles(values, n=100, method="inclusive")[percent - 1]


def phase(redis: Redis, url: str, way: str, seconds: float) -> Phase:
    """`way`: how three of the endpoints behave; empty: well, as the others."""
    well = OF_ALL - BAD
    with (
        receivers(well if way else OF_ALL, way, BAD) as there,
        notifiers(1, redis, url, there.urls, **ISOLATION),
    ):
        teller = Teller(redis)
        teller.tell_steadily(STORIES_A_SECOND, 1.0)  # connections are made
        warm = len(teller.told)
        teller.tell_steadily(STORIES_A_SECOND, seconds)
        arrived = dict[tuple[int, int], float]()
        wait(lambda: _look(there, arrived, well) == well * len(teller.told))
    stories = range(warm, len(teller.told))
    return Phase([[arrived[story, at] - teller.told[story] for at in range(well)] for story in stories])


def _look(there: Receivers, arrived: dict[tuple[int, int], float], well: int) -> int:
    """How many have arrived; the first arrival counts."""
    for endpoint, story, when in there.seen():
        if endpoint < well:
            arrived.setdefault((story, endpoint), when)
    return len(arrived)


def isolation(redis: Redis, url: str, rounds: int, seconds: float) -> list[Row]:
    phases: dict[str, list[tuple[Phase, Phase]]] = {way: [] for way in WAYS}
    for number in range(1, rounds + 1):
        for way in WAYS:
            progress(f"isolation: round {number} of {rounds}, three that {way[:-1]}")
            # In turn, so that what slows the machine down does not always meet the same.
            order = ("", way) if number % 2 else (way, "")
            found = {each: phase(redis, url, each, seconds) for each in order}
            phases[way].append((found[""], found[way]))
    progress("")
    return [_isolation_row(way, pairs) for way, pairs in phases.items()]


def _isolation_row(way: str, pairs: Sequence[tuple[Phase, Phase]]) -> Row:
    """The p99 of all rounds together, and the ratio in each."""
    with_bad = [failing.at(99) for _, failing in pairs]
    without = [well.at(99) for well, _ in pairs]
    least, most = interval(pairs)
    told = "; ".join(
        f"p{percent} {_pooled([well for well, _ in pairs], percent) * 1000:.1f} and "
        f"{_pooled([failing for _, failing in pairs], percent) * 1000:.1f} ms"
        for percent in (50, 95, 99)
    )
    return Row(
        f"isolation: three that {way[:-1]}",
        "ms",
        1000 * _pooled([failing for _, failing in pairs], 99),
        1000 * _pooled([well for well, _ in pairs], 99),
        tuple(failing / well for failing, well in zip(with_bad, without, strict=True)),
        f"Without and with them: {told}. The p99 of all rounds together is {ratio(pairs):.2f} times as long, "
        f"95 % interval {least:.2f}–{most:.2f}.",
    )


def _pooled(phases: Sequence[Phase], percent: int) -> float:
    return Phase([story for each in phases for story in each.latencies]).at(percent)


def ratio(pairs: Sequence[tuple[Phase, Phase]]) -> float:
    return _pooled([failing for _, failing in pairs], 99) / _pooled([well for well, _ in pairs], 99)


def interval(pairs: Sequence[tuple[Phase, Phase]], draw: random.Random | None = None) -> tuple[float, float]:
    """Of the ratio, 95 %, by a bootstrap. Drawn are whole seconds: what one story waits for its neighbours wait for."""
    draw = draw or random.Random(1)
    ratios = sorted(
        ratio([(_redrawn(well, draw), _redrawn(failing, draw)) for well, failing in pairs]) for _ in range(SAMPLES)
    )
    return ratios[int(0.025 * SAMPLES)], ratios[int(0.975 * SAMPLES)]


def _redrawn(of: Phase, draw: random.Random) -> Phase:
    size = round(STORIES_A_SECOND)
    seconds = [of.latencies[start : start + size] for start in range(0, len(of.latencies), size)]
    return Phase([story for _ in seconds for story in draw.choice(seconds)])


def measure(deliveries: int = DELIVERIES, rounds: int = ROUNDS, seconds: float = SECONDS) -> list[Row]:
    with private_redis() as url, connect_sync(url) as redis:
        return [*costs(redis, url, deliveries, rounds), *isolation(redis, url, rounds, seconds)]


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--deliveries", type=int, default=DELIVERIES)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--seconds", type=float, default=SECONDS, help="of each phase with endpoints that fail")
    print(table(measure(**vars(parser.parse_args()))))


if __name__ == "__main__":
    main()
