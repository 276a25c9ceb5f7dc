"""The pipeline's panels about what it runs on: Redis and the processes."""

from collections.abc import Iterator

from grafana_foundation_sdk.models.dashboard import Panel

from deploy.grafana.panels import BAD, Query, Style, Words, lines
from deploy.grafana.promql import RATE, level

SERVICES = "poller|classifier|notifier|gateway"


def machines() -> Iterator[Panel]:
    yield lines(
        Words(
            "Memory of Redis",
            "What Redis holds, and how much it may; when it is full it refuses writes rather than forget.",
            "Near its bound: give it more (`--maxmemory`), or have less kept.",
            alarm="RedisMemoryHigh",
        ),
        Style("bytes", width=6),
        Query(f"{level('tocsin_redis_memory_bytes', 'kind')} > 0", "{{kind}}"),
    )
    yield lines(
        Words(
            "Keys in Redis",
            "How many keys Redis holds.",
            "Grows day after day: something has no end of its life; `docs/reference/keys.md` says what should have "
            "one.",
            alarm="RedisMemoryHigh",
        ),
        Style("short", width=6),
        Query(level("tocsin_redis_keys"), "keys"),
    )
    yield lines(
        Words(
            "Processor time",
            "Processors that each service uses, over all its processes.",
            "One whole processor per process is its limit: start more of it.",
        ),
        Style("none", width=6),
        Query(f'sum by (job) (rate(process_cpu_seconds_total{{job=~"{SERVICES}"}}[{RATE}]))', "{{job}}"),
    )
    yield lines(
        Words(
            "Memory of processes",
            "What the largest process of each service holds.",
            "Climbs on without end: a leak; restart it, and say so in an issue with its version.",
        ),
        Style("bytes", width=6),
        Query(level("process_resident_memory_bytes", "job", where=f'job=~"{SERVICES}"'), "{{job}}"),
    )
    yield lines(
        Words(
            "Open files",
            "How much of its files and sockets the process has open that comes nearest to its limit.",
            "Near 100 %: connections are not closed, or the limit is low (`ulimit -n`).",
        ),
        Style("percentunit", ((0.8, BAD),), width=12),
        Query(
            "max by (job) (process_open_fds / process_max_fds)",
            "{{job}}",
        ),
    )
    yield lines(
        Words(
            "Collected garbage",
            "Objects per second that Python's collector freed, by generation.",
            "Jumps with the load alone are no trouble; beside a climbing memory they tell which service makes it.",
        ),
        Style("cps", width=12),
        Query(f"sum by (job) (rate(python_gc_objects_collected_total[{RATE}]))", "{{job}}"),
    )
