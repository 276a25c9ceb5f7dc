"""Topics through the API, answered by a classifier that runs; and dead letters."""

import time
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import httpx
import pytest
from redis import Redis as SyncRedis
from redis.asyncio import Redis

from shared import keys
from shared.models.canary import NAME
from shared.queue import JobQueue
from shared.queue.examine import MOST_WAITING
from shared.store.entries import EntryStore
from tests.factories import entry
from tests.gateways import detail_of, gateway_on, items
from tests.integration.test_queue import ROOT, python, wait_until
from tests.packs import installed
from tests.servers import until
from tests.stores import run_sync

HEADLINE = "North Korean troops withdrawn from the front in Kursk, Ukraine says"


@pytest.fixture
async def gateway(redis_url: str, redis: Redis) -> AsyncIterator[httpx.AsyncClient]:
    async with gateway_on(redis_url) as client:
        yield client


@pytest.fixture
def classifier(redis_url: str, sync_redis: SyncRedis, redis: Redis, data: Path) -> Iterator[None]:
    own = {"TOCSIN_REDIS_URL": redis_url, "TOCSIN_METRICS_PORT": "0", "TOCSIN_DATA_DIR": str(data)}
    with python("-m", "services.classifier", cwd=ROOT, env=own):
        wait_until(lambda: sync_redis.exists(keys.topics()) and sync_redis.exists("rq:workers"), 60)
        yield


async def test_topics_in_force_are_told_a_text_is_judged_and_a_pack_backtested(
    classifier: None, gateway: httpx.AsyncClient, sync_redis: SyncRedis
) -> None:
    told = {each["name"]: each for each in await items(gateway, "/v1/topics")}
    assert {name: each["version"] for name, each in told.items()} == installed().versions
    assert "uk" in told["dprk-kursk"]["languages"]
    one = (await gateway.get("/v1/topics/dprk-kursk")).json()
    assert {name: one[name] for name in told["dprk-kursk"]} == told["dprk-kursk"]
    assert "kursk" in one["places"]

    judged = (await gateway.post("/v1/topics/test", json={"title": HEADLINE, "language": "en"})).json()
    (verdict,) = (each for each in judged["verdicts"] if each["topic"] == "dprk-kursk")
    assert judged["relevant"]
    assert (verdict["relevant"], verdict["event_type"]) == (True, "withdrawal")
    assert all(judged["text"][hit["start"] : hit["end"]] == hit["text"] for hit in verdict["evidence"])
    silent = (await gateway.post("/v1/topics/test", json={"text": "A bakery opens in Oslo."})).json()
    assert (silent["relevant"], len(silent["verdicts"])) == (False, len(told))

    found = entry(title=HEADLINE, seen_at=datetime.now(UTC))
    run_sync(sync_redis, EntryStore(sync_redis, retention_seconds=600).save_commands([found]))
    begun = await gateway.post("/v1/topics/dprk-kursk/backtests", json={"days": 1})
    assert begun.status_code == 202

    async def is_done() -> bool:
        return str((await gateway.get(begun.headers["location"])).json()["state"]) == "done"

    await until(is_done)
    done = (await gateway.get(begun.headers["location"])).json()
    assert (done["entries"], done["found"], done["new"], done["both"]) == (1, 1, 1, 0)
    assert done["newest_new"][0]["entry_id"] == found.id


async def test_without_a_classifier_it_is_said_at_once(gateway: httpx.AsyncClient, sync_redis: SyncRedis) -> None:
    answer = await gateway.post("/v1/topics/test", json={"title": HEADLINE})
    assert detail_of(answer, 503) == "no classifier is running"
    assert int(answer.headers["retry-after"]) > 0
    assert JobQueue(sync_redis).examinations.depth() == 0
    assert await items(gateway, "/v1/topics") == []
    for path in ("/v1/topics/dprk-kursk", "/v1/backtests/none"):
        assert (await gateway.get(path)).status_code == 404
    assert (await gateway.post("/v1/topics/dprk-kursk/backtests", json={})).status_code == 404


async def test_where_too_many_ask_nobody_else_is_let_in(
    gateway: httpx.AsyncClient, sync_redis: SyncRedis, redis_url: str
) -> None:
    """And what a worker says that hangs is not waited for."""
    queue = JobQueue(sync_redis)
    with python("-c", f"from classifying import *; work({redis_url!r}, burst=False)", cwd=ROOT / "tests/integration"):
        wait_until(partial(sync_redis.exists, "rq:workers"))
        for command in queue.batch_commands(["hang"]):
            sync_redis.execute_command(*command)  # type: ignore[no-untyped-call]  # redis-py has not typed it
        wait_until(partial(sync_redis.exists, "hung"))
        for n in range(MOST_WAITING):
            assert queue.examinations.examine(f"n{n}", "words", None, time.time() + 60)
        answer = await gateway.post("/v1/topics/test", json={"title": HEADLINE})
        assert detail_of(answer, 503) == "too many ask the classifiers just now"


@pytest.mark.parametrize(
    "wrong",
    [{}, {"title": ""}, {"summary": "alone"}, {"title": "a" * 1001}, {"title": "a", "language": "English"}, {"t": 1}],
)
async def test_what_cannot_be_judged_is_told_by_field(gateway: httpx.AsyncClient, wrong: dict[str, object]) -> None:
    assert detail_of(await gateway.post("/v1/topics/test", json=wrong), 422)


@pytest.mark.parametrize("days", [0, -1, 400, "3", True])
async def test_a_backtest_goes_back_no_further_than_entries_are_kept(gateway: httpx.AsyncClient, days: object) -> None:
    assert detail_of(await gateway.post("/v1/topics/dprk-kursk/backtests", json={"days": days}), 422)


async def test_the_canary_is_no_topic(classifier: None, gateway: httpx.AsyncClient) -> None:
    assert (await gateway.get(f"/v1/topics/{NAME}")).status_code == 404
    assert (await gateway.post(f"/v1/topics/{NAME}/backtests", json={})).status_code == 404


async def test_a_dead_letter_is_tried_again_or_dropped(gateway: httpx.AsyncClient, sync_redis: SyncRedis) -> None:
    queue = JobQueue(sync_redis)
    for entry_id in ("a", "b", "c"):
        queue.bury(entry_id, "it crashed")
    first = await gateway.get("/v1/dead-letters?limit=2")
    assert [each["entry_id"] for each in first.json()["items"]] == ["a", "b"]
    rest = await gateway.get(first.url.join(first.links["next"]["url"]))
    assert [each["entry_id"] for each in rest.json()["items"]] == ["c"]
    assert (await gateway.post("/v1/dead-letters/a/retry")).status_code == 202
    assert (await gateway.delete("/v1/dead-letters/b")).status_code == 204
    assert queue.depth() == 1
    assert [letter.entry_id for letter in queue.dead_letters()] == ["c"]
    assert detail_of(await gateway.post("/v1/dead-letters/a/retry"), 404) == "there is no dead letter a"
    assert detail_of(await gateway.delete("/v1/dead-letters/b"), 404) == "there is no dead letter b"
