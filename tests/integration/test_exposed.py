"""Each service says each of its metrics, and moves it: all four as they are started, with a small day's news."""

import asyncio
import json
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import ExitStack, asynccontextmanager, contextmanager
from datetime import UTC, datetime
from email.utils import format_datetime
from pathlib import Path
from shutil import copytree
from urllib.request import urlopen

import pytest
from redis import Redis

from shared.metrics import TABLE, Service
from shared.models.subscription import REVEAL, Subscription
from shared.queue import JobQueue
from tests.answers import OK, Status
from tests.exposition import Samples, names, sample_names, samples
from tests.factories import SECRET, subscription, webhook
from tests.hub import Hub, running_hub
from tests.receivers import Receiver
from tests.servers import Answer, Server, serving

ROOT = Path(__file__).parents[2]
PATIENCE_SECONDS = 60.0
CABLES = "undersea-cables"
TITLE = "Two undersea cables cut in the Gulf of Finland"
PARAGRAPH = "The operator said on Monday that two undersea cables had been cut in the Gulf of Finland overnight. "
RESTING = {
    "tocsin_gateway_streams": "nobody follows alerts as they ring",
    "tocsin_queue_depth": "batches are taken up at once",
    "tocsin_queue_oldest_job_age_seconds": "batches are taken up at once",
    "tocsin_streams_pending": "alerts are fanned out at once",
    "tocsin_delivery_oldest_pending_age_seconds": "no endpoint is overdue",
    "tocsin_topic_problems": "the packs are sound",
}


@pytest.fixture(scope="module")
def said(redis_url: str, tmp_path_factory: pytest.TempPathFactory) -> Mapping[Service, str]:
    """What each service says at /metrics when all has happened that is going to."""
    with Redis.from_url(redis_url) as redis:
        redis.flushall()
        JobQueue(redis).bury("poison", "it could not be classified")
    return asyncio.run(_played(redis_url, tmp_path_factory.mktemp("home")))


async def _played(redis_url: str, home: Path) -> Mapping[Service, str]:
    ports = {service: free_port() for service in Service}
    gateway = f"http://127.0.0.1:{free_port()}"
    async with newsroom() as (server, hub, good, bad):
        write(home, server, good, bad)
        server.answers(feed(server, hub), path="/feed.xml")
        server.answers(page(), path="/article")
        env = environment(redis_url, home, gateway)
        with ExitStack() as stack:
            for service, port in ports.items():
                stack.enter_context(running(service, env | {"TOCSIN_METRICS_PORT": str(port)}))
            said: dict[Service, str] = {}
            pushed, until = False, asyncio.get_running_loop().time() + PATIENCE_SECONDS
            while unmoved(said) and asyncio.get_running_loop().time() < until:
                await asyncio.sleep(0.2)
                said = {service: await asyncio.to_thread(scrape, port) for service, port in ports.items()}
                if hub.answers and not pushed:
                    pushed = (await hub.push(hub.asked[-1], feed(server, hub).body)).status_code == 202
            return said


def unmoved(said: Mapping[Service, str]) -> set[str]:
    """Those that are 0 in all their samples with whoever says them."""
    moved = {name for text in said.values() for (name, _), value in samples(text).items() if value}
    return {name for name in TABLE if not moved & sample_names([name])} - {*RESTING}


@asynccontextmanager
async def newsroom() -> AsyncIterator[tuple[Server, Hub, Receiver, Receiver]]:
    """A site with a feed, a hub, and two who are told: the second does not want to hear it."""
    async with serving() as server, running_hub() as hub, Receiver(OK) as good, Receiver(Status(500)) as bad:
        yield server, hub, good, bad


def feed(server: Server, hub: Hub) -> Answer:
    date = format_datetime(datetime.now(UTC))
    where = server.url("/article")
    item = f"<item><title>{TITLE}</title><link>{where}</link><guid>1</guid><pubDate>{date}</pubDate></item>"
    links = f"<atom:link rel='hub' href='{hub.url}'/><atom:link rel='self' href='{server.url('/feed.xml')}'/>"
    channel = f"<channel><title>Test</title>{links}{item}</channel>"
    body = f"<?xml version='1.0'?><rss version='2.0' xmlns:atom='http://www.w3.org/2005/Atom'>{channel}</rss>"
    return Answer(200, body.encode(), {"Content-Type": "application/rss+xml"})


def page() -> Answer:
    text = "".join(f"<p>{PARAGRAPH}Ship number {number} was seen nearby.</p>" for number in range(8))
    body = f"<html><head><title>{TITLE}</title></head><body><article><h1>{TITLE}</h1>{text}</article></body></html>"
    return Answer(200, body.encode(), {"Content-Type": "text/html"})


def write(home: Path, server: Server, good: Receiver, bad: Receiver) -> None:
    copytree(ROOT / "seeds/topics" / CABLES, home / "topics" / CABLES)
    feeds = {"feeds": [{"url": server.url("/feed.xml"), "name": "The News"}]}
    (home / "feeds.yaml").write_text(json.dumps(feeds))
    told = (
        subscription(id="desk", channel=webhook(good.url, SECRET)),
        subscription(id="broken", channel=webhook(bad.url, SECRET)),
        subscription(id="grave", channel=webhook(good.url, SECRET), min_independent_sources=10),
    )
    (home / "subscriptions.yaml").write_text(json.dumps({"subscriptions": [as_written(each) for each in told]}))


def as_written(each: Subscription) -> object:
    return each.model_dump(mode="json", context={REVEAL: True})


def environment(redis_url: str, home: Path, gateway: str) -> dict[str, str]:
    chosen = {
        "REDIS_URL": redis_url,
        "DATA_DIR": str(home),
        "FEEDS_FILE": str(home / "feeds.yaml"),
        "SUBSCRIPTIONS_FILE": str(home / "subscriptions.yaml"),
        "TOPICS_DIR": str(home / "topics"),
        "ALLOW_NETWORKS": "127.0.0.0/8",
        "POLL_INTERVAL_SECONDS": "3600",
        "POLL_HOST_GAP_SECONDS": "0.01",
        "ALERT_HOLD_SECONDS": "0",
        "DELIVERY_RETRY_SCALE": "100",
        "WEBSUB_CALLBACK_URL": gateway,
        "GATEWAY_PORT": gateway.rpartition(":")[2],
    }
    return {f"TOCSIN_{name}": value for name, value in chosen.items()}


@contextmanager
def running(service: Service, env: Mapping[str, str]) -> Iterator[None]:
    command = [sys.executable, "-m", f"services.{service}"]
    process = subprocess.Popen(command, cwd=ROOT, env=os.environ | env, stderr=subprocess.DEVNULL)
    try:
        yield
    finally:
        process.kill()
        process.wait(20)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])


def scrape(port: int) -> str:
    """Empty while nobody listens yet."""
    try:
        with urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
            return str(answer.read().decode())
    except OSError:
        return ""


@pytest.mark.parametrize("name", [name for name in TABLE if name not in RESTING])
def test_a_metric_is_moved_by_its_service(said: Mapping[Service, str], name: str) -> None:
    for service in TABLE[name][0].services:
        moved = {own for (own, _), value in samples(said[service]).items() if value}
        assert moved & sample_names([name]), service


@pytest.mark.parametrize("service", Service)
def test_a_service_says_each_of_its_metrics_and_no_other(said: Mapping[Service, str], service: Service) -> None:
    own = {name for name, (about, _) in TABLE.items() if service in about.services}
    assert {name for name in names(samples(said[service])) if name.startswith("tocsin_")} == sample_names(own)


@pytest.mark.parametrize("service", Service)
def test_a_label_has_only_values_that_were_declared_and_has_all_of_them(
    said: Mapping[Service, str], service: Service
) -> None:
    found = samples(said[service])
    for name, (about, _) in TABLE.items():
        if service in about.services and about.at_start:
            for label, values in about.labels.items():
                if values is not None:
                    assert label_values(found, name, label) == {*values}, (name, label)


def label_values(found: Samples, name: str, label: str) -> set[str]:
    return {dict(labels)[label] for own, labels in found if own in sample_names([name])}


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool, of the prometheus package, is not installed")
@pytest.mark.parametrize("service", Service)
def test_prometheus_has_nothing_to_complain_of(said: Mapping[Service, str], service: Service) -> None:
    checked = subprocess.run(
        ["promtool", "check", "metrics"], input=said[service].encode(), capture_output=True, check=False
    )
    assert (checked.returncode, checked.stdout + checked.stderr) == (0, b"")
