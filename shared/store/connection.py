"""How everybody gets to Redis."""

from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from redis import Redis as SyncRedis
from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import AbstractBackoff, ExponentialWithJitterBackoff
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError
from redis.retry import Retry as SyncRetry

from shared.errors import ConfigError

# What it is called by those who only hand it on.
Connection = Redis

SCHEMES = ("unix", "redis", "rediss")

# Long enough for a supervisor to restart a server and for it to load its data, short enough to be told of the rest.
_RETRIES = 10
_BACKOFF = ExponentialWithJitterBackoff(base=0.05, cap=1.0)
_OPTIONS: dict[str, Any] = {
    "decode_responses": False,
    "socket_connect_timeout": 5.0,
    "socket_timeout": 30.0,  # a blocking read must ask for less
    "health_check_interval": 30,
}
# Where a person waits for the answer: one more try, then the truth.
_HURRIED: dict[str, Any] = {**_OPTIONS, "socket_connect_timeout": 1.0, "socket_timeout": 2.0}
_HURRIED_RETRIES = 1
# A crowd that comes at once, as after a restart, is to wait its turn, not to be told that Redis is away.
_CONNECTIONS = 100
_WAIT_SECONDS, _HURRIED_WAIT_SECONDS = 20.0, 5.0


class Patience(AbstractBackoff):
    """For a client that tries again every half second, for ever, or until its patience is at an end."""

    def __init__(self) -> None:
        self.ended = False

    def __deepcopy__(self, memo: object) -> "Patience":
        return self  # each connection is given a copy, but all shall hear of the end

    def end(self) -> None:
        self.ended = True

    def compute(self, failures: int) -> float:
        if self.ended:
            raise RedisConnectionError("told to end while Redis was away")
        return 0.5


def connect(url: str, *, hurried: bool = False) -> Redis:
    """A lazy client for `unix://`, `redis://` or `rediss://`, else ConfigError.

    It tries again after connection errors, timeouts and while Redis loads its data; answers are bytes. A command whose
    answer was lost may so run twice: what must not is the due-set's to fence. While all its connections are in use,
    whoever asks waits for one. `hurried`: it gives up within seconds.
    """
    retry = Retry(_BACKOFF, _HURRIED_RETRIES if hurried else _RETRIES)
    options, wait = (_HURRIED, _HURRIED_WAIT_SECONDS) if hurried else (_OPTIONS, _WAIT_SECONDS)
    pool = BlockingConnectionPool.from_url(
        _checked(url), max_connections=_CONNECTIONS, timeout=wait, retry=retry, **options
    )
    return Redis.from_pool(pool)


def connect_sync(url: str, *, hurried: bool = False, patience: Patience | None = None) -> SyncRedis:
    """The same for threads and RQ workers. With `patience` it gives up only when that is at an end."""
    retry = SyncRetry(patience, -1) if patience else SyncRetry(_BACKOFF, _HURRIED_RETRIES if hurried else _RETRIES)
    return SyncRedis.from_url(_checked(url), retry=retry, **(_HURRIED if hurried else _OPTIONS))


def _checked(url: str) -> str:
    scheme = urlsplit(url).scheme
    if scheme not in SCHEMES:
        raise ConfigError(f"TOCSIN_REDIS_URL: not an address of Redis; it begins with {'://, '.join(SCHEMES)}://")
    return url


def readiness(url: str) -> Callable[[], str | None]:
    """A check for /readyz: what is wrong with Redis, or None. It answers within a second."""

    def check() -> str | None:
        try:
            with SyncRedis.from_url(_checked(url), socket_connect_timeout=1.0, socket_timeout=1.0) as redis:
                redis.ping()
        except RedisError as error:
            return f"Redis: {type(error).__name__}"
        return None

    return check
