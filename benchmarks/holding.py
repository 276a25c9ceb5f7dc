"""Alerts at a steady rate, and whether notifiers hold it.

    python -m benchmarks.holding [--alerts 200] [--seconds 60] [--endpoints 10] [--notifiers 2] [--search]

So many alerts a second, each for every endpoint, are told to notifiers as in production, on a durable Redis. Measured
is the time from an alert to its request, and what is left when the last one is told. A rate is held if the teller kept
it, if no more than a second's deliveries are left then, and if all arrive once. `--search` finds the highest rate up to
`--alerts` that is held, within a tenth. Beside it stands what CPU each process spent on a delivery, in milliseconds.
"""

import argparse
import json
import os
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass

from redis import Redis

from benchmarks.delivering import percentile
from benchmarks.measure import cpu_of, private_redis, progress
from benchmarks.notifying import Notifiers, Receivers, Teller, notifiers, receivers, wait
from shared.store.connection import connect_sync

ALERTS, SECONDS, ENDPOINTS, NOTIFIERS = 200.0, 60.0, 10, 2
NEAR, KEPT = 0.9, 0.98


@dataclass(frozen=True, slots=True)
class Held:
    """`told`: alerts a second; latencies in milliseconds."""

    wanted: float
    told: float
    endpoints: int
    deliveries: int
    p50: float
    p95: float
    p99: float
    backlog: int
    lost: int
    repeated: int
    cpu: Mapping[str, float]

    @property
    def holds(self) -> bool:
        kept = self.told >= KEPT * self.wanted and self.backlog <= self.wanted * self.endpoints
        return kept and not self.lost and not self.repeated


def hold(redis: Redis, url: str, alerts: float, seconds: float, endpoints: int, many: int) -> Held:
    with receivers(endpoints) as there, notifiers(many, redis, url, there.urls) as crew:
        teller = Teller(redis)
        teller.tell(10)  # connections are made
        wait(lambda: not crew.backlog())
        there.seen()
        first, before, began = len(teller.told), _cpu(redis, there, crew), time.time()
        teller.tell_steadily(alerts, seconds)
        took, backlog = time.time() - began, crew.backlog()
        wait(lambda: not crew.backlog())
        after, seen = _cpu(redis, there, crew), there.seen()
    arrived = Counter((story, endpoint) for endpoint, story, _ in seen)
    late = [1000 * (when - teller.told[story]) for _, story, when in seen]
    many_told = len(teller.told) - first
    return Held(
        wanted=alerts,
        told=round(many_told / took, 1),
        endpoints=endpoints,
        deliveries=len(arrived),
        p50=round(percentile(late, 50), 1),
        p95=round(percentile(late, 95), 1),
        p99=round(percentile(late, 99), 1),
        backlog=backlog,
        lost=many_told * endpoints - len(arrived),
        repeated=len(seen) - len(arrived),
        cpu={name: round(1000 * (after[name] - before[name]) / len(arrived), 3) for name in after},
    )


def _cpu(redis: Redis, there: Receivers, crew: Notifiers) -> dict[str, float]:
    others = {"redis": int(redis.info("server")["process_id"]), "receivers": there.pid, "telling": os.getpid()}
    notifiers = {f"notifier {n}": cpu_of(process.pid) for n, process in enumerate(crew.processes, 1)}
    return notifiers | {name: cpu_of(pid) for name, pid in others.items()}


def search(redis: Redis, url: str, most: float, seconds: float, endpoints: int, many: int) -> Iterator[Held]:
    """Each rate that was tried; by halves, until what holds and what does not are near."""
    low, high, rate = 0.0, most, most
    while low < NEAR * high:
        progress(f"{rate:.0f} alerts a second")
        yield (found := hold(redis, url, rate, seconds, endpoints, many))
        low, high = (rate, high) if found.holds else (low, rate)
        rate = (low + high) / 2
    progress("")


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--alerts", type=float, default=ALERTS, help="a second")
    parser.add_argument("--seconds", type=float, default=SECONDS)
    parser.add_argument("--endpoints", type=int, default=ENDPOINTS)
    parser.add_argument("--notifiers", type=int, default=NOTIFIERS)
    parser.add_argument("--search", action="store_true", help="the highest rate that is held")
    options = parser.parse_args()
    with private_redis() as url, connect_sync(url) as redis:
        shape = options.alerts, options.seconds, options.endpoints, options.notifiers
        tried = list(search(redis, url, *shape)) if options.search else [hold(redis, url, *shape)]
    for each in tried:
        print(json.dumps(asdict(each) | {"holds": each.holds}))
    return 0 if any(each.holds for each in tried) else 1


if __name__ == "__main__":
    sys.exit(main())
