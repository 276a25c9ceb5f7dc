"""The API keeps its description: schemathesis, briefly; `tests.acceptance.conforming` is the same at length."""

import asyncio
import sys
from asyncio.subprocess import PIPE, STDOUT
from pathlib import Path

import pytest
from redis.asyncio import Redis

from shared.models.access import Scope
from shared.runtime.serving import served
from tests.gateways import MANY, guarded, token_of
from tests.integration.test_queue import ROOT

# What is asked of other processes, which do not run here; and what has no end.
ELSEWHERE = "(/stream|/test|/redeliver|/recover|/enable|/disable|/backtests)$"


@pytest.mark.timeout(300)
async def test_the_api_is_as_it_is_described(redis_url: str, redis: Redis, tmp_path: Path) -> None:
    _, text = await token_of(redis, Scope.ADMIN)
    async with (
        guarded(redis_url, gateway_failures_per_minute=MANY) as house,
        served(house.app, "127.0.0.1", 0) as port,
    ):
        words = (
            "run", f"http://127.0.0.1:{port}/openapi.json", "--checks", "all", "--exclude-path-regex", ELSEWHERE,
            "--header", f"Authorization: Bearer {text}", "--phases", "examples,fuzzing,stateful", "-n", "3",
            "--generation-deterministic", "--no-shrink",
        )  # fmt: skip
        told = await _told("-m", "tests.loopback", "schemathesis.cli", *words, home=tmp_path)
    assert told == ""


async def _told(*words: str, home: Path) -> str:
    """What it complains of."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, *words, cwd=home, env={"PYTHONPATH": str(ROOT)}, stdout=PIPE, stderr=STDOUT
    )
    out, _ = await process.communicate()
    return out.decode() if process.returncode else ""


async def test_every_body_has_an_example_and_every_change_tells_what_may_go_wrong(redis_url: str, redis: Redis) -> None:
    async with guarded(redis_url) as house:
        described = (await house.client.get("/openapi.json")).json()
    schemas = described["components"]["schemas"]
    for path, operations in described["paths"].items():
        for method, operation in operations.items():
            told = set(operation["responses"])
            assert {"401", "403", "429", "503"} <= told, (method, path)
            assert method == "get" or {"408", "413"} <= told, (method, path)
            for body in operation.get("requestBody", {}).get("content", {}).values():
                assert "examples" in body or all("examples" in schemas[name] for name in _names(body["schema"])), path


def _names(schema: dict[str, object]) -> list[str]:
    """Of what it refers to."""
    options = schema.get("anyOf", [schema])
    assert isinstance(options, list)
    return [str(each["$ref"]).rpartition("/")[2] for each in options if "$ref" in each]


@pytest.mark.parametrize(
    ("path", "allowed"),
    [
        ("/v1/feeds", "GET, POST"),
        ("/v1/feeds/none", "GET, PATCH, DELETE"),
        ("/v1/subscriptions/dry-run", "POST"),
        ("/v1/audit", "GET"),
    ],
)
async def test_who_asks_in_a_way_that_there_is_not_is_told_all_that_there_are(
    redis_url: str, redis: Redis, path: str, allowed: str
) -> None:
    async with guarded(redis_url) as house:
        answer = await house.client.put(path)
    assert (answer.status_code, answer.headers["allow"]) == (405, allowed)


async def test_a_cursor_that_begins_nowhere_is_a_mistake_and_no_failure(redis_url: str, redis: Redis) -> None:
    async with guarded(redis_url) as house:
        for path in ("alerts", "audit", "subscriptions/desk/deliveries"):
            assert (await house.client.get(f"/v1/{path}?cursor=0-0")).status_code == 422
