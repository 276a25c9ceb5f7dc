"""The command line's composition root: settings from the environment, stores on the Redis that answers."""

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypeVar
from urllib.parse import urlsplit

from services.operations.subscriptions.stores import Delivering, delivering
from shared.errors import ConfigError, RedisUnavailable
from shared.queue import JobQueue
from shared.runtime.private_redis import PrivateRedis, find_redis_binary
from shared.runtime.process import redis_url
from shared.settings import Settings, load_settings
from shared.store.alerts import AlertStream
from shared.store.connection import connect, connect_sync, readiness
from shared.store.due import DueSet
from shared.store.entries import EntryStore
from shared.store.feeds import DUE_FEEDS, FeedStore
from shared.store.patience import StoreUnavailable
from shared.store.stories import StoryReader, StoryStore
from shared.store.tokens import TokenStore

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Stores:
    feeds: FeedStore
    alerts: AlertStream
    stories: StoryReader


@dataclass(frozen=True, slots=True)
class Backlog:
    """The queue, and the entries whose ids stand in it."""

    queue: JobQueue
    entries: EntryStore


@dataclass(frozen=True, slots=True)
class Scratch:
    """What a classifier works with, on a Redis of its own that begins empty and is thrown away."""

    entries: EntryStore
    stories: StoryStore


def settings() -> Settings:
    return load_settings(os.environ)


@asynccontextmanager
async def opened_stores(settings: Settings) -> AsyncIterator[Stores]:
    """Raises RedisUnavailable, at the start or later."""
    url = _answering(redis_url(settings))
    with _told(url):
        async with connect(url) as redis:
            yield Stores(FeedStore(redis, DueSet(redis, DUE_FEEDS)), AlertStream(redis), StoryReader(redis))


@asynccontextmanager
async def opened_delivering(settings: Settings) -> AsyncIterator[Delivering]:
    """Raises RedisUnavailable, at the start or later."""
    url = _answering(redis_url(settings))
    with _told(url):
        async with connect(url) as redis:
            yield delivering(settings, redis)


def on_delivering(settings: Settings, work: Callable[[Delivering], Awaitable[T]]) -> T:
    """Runs `work` to its end. Raises RedisUnavailable, at the start or later."""

    async def opened() -> T:
        async with opened_delivering(settings) as stores:
            return await work(stores)

    return asyncio.run(opened())


def on_tokens(settings: Settings, work: Callable[[TokenStore], Awaitable[T]]) -> T:
    """Runs `work` to its end. Raises RedisUnavailable, at the start or later."""

    async def opened() -> T:
        url = _answering(redis_url(settings))
        with _told(url):
            async with connect(url) as redis:
                return await work(TokenStore(redis))

    return asyncio.run(opened())


@contextmanager
def opened_backlog(settings: Settings) -> Iterator[Backlog]:
    """Raises RedisUnavailable, at the start or later."""
    url = _answering(redis_url(settings))
    with _told(url), connect_sync(url) as redis:
        yield Backlog(
            JobQueue(redis, batch_size=settings.batch_size, job_timeout_seconds=settings.job_timeout_seconds),
            EntryStore(redis, retention_seconds=settings.entry_retention_seconds),
        )


@contextmanager
def opened_story_store(settings: Settings) -> Iterator[StoryStore]:
    """To change stories as the classifiers do. Raises RedisUnavailable, at the start or later."""
    url = _answering(redis_url(settings))
    with _told(url), connect_sync(url) as redis:
        yield StoryStore(
            redis,
            window_seconds=settings.story_window_seconds,
            retention_seconds=settings.story_retention_seconds,
        )


@contextmanager
def opened_scratch(settings: Settings) -> Iterator[Scratch]:
    """Raises RedisUnavailable."""
    with _thrown_away() as url, connect_sync(url) as redis:
        yield Scratch(
            EntryStore(redis, retention_seconds=settings.entry_retention_seconds),
            StoryStore(
                redis,
                window_seconds=settings.story_window_seconds,
                retention_seconds=settings.story_retention_seconds,
            ),
        )


@contextmanager
def _thrown_away() -> Iterator[str]:
    with TemporaryDirectory(prefix="tocsin-") as home, asyncio.Runner() as runner:
        server = PrivateRedis(Path(home), find_redis_binary(os.environ), durable=False)
        url = runner.run(server.start())
        try:
            yield url
        finally:
            runner.run(server.stop())


def _answering(url: str) -> str:
    """A person waits: one quick question instead of the services' patience."""
    try:
        problem = readiness(url)()
    except ValueError:  # its text quotes the address, and so perhaps the password
        raise ConfigError("TOCSIN_REDIS_URL: not an address of Redis; percent-encode what is special in it") from None
    if problem:
        raise RedisUnavailable(f"no answer from {_shown(url)} ({problem})")
    return url


@contextmanager
def _told(url: str) -> Iterator[None]:
    try:
        yield
    except StoreUnavailable as error:
        raise RedisUnavailable(f"lost {_shown(url)} ({type(error).__name__})") from None


def _shown(url: str) -> str:
    """Without user and password."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"
