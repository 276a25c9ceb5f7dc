"""Rotate the secrets of a running system twice, and have both independent verifiers judge every request of it.

    python -m tests.acceptance.rotating [--stories 20]

A notifier runs as in production, on a Redis of its own. One subscription is in the file with its secret in another
file, one is made by command. Stories are told; both secrets are rotated with `tocsin subscriptions rotate`; stories are
told; and once more. Each request must be accepted whichever secret its receiver holds: the newest, or one of those
before it, for their day is not over. Exit code 1 if one is not, or if a request is missing; 2 without npm's package.
"""

import argparse
import asyncio
import base64
import json
import os
import re
import secrets
import sys
from asyncio.subprocess import DEVNULL, PIPE
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from shared.models.change import Change, Marks
from shared.runtime.private_redis import PrivateRedis, find_redis_binary
from shared.store.connection import connect_sync
from shared.store.stories import StoryStore
from tests.acceptance.verify import Captured, Unavailable, verify_all
from tests.factories import alert, make_id, revision, story
from tests.receivers import Receiver
from tests.servers import until

ROTATIONS = 2
DAY = 86_400.0
# The notifier follows file and store within two seconds.
FOLLOWS_SECONDS = 5.0
_SECRET = re.compile(r"whsec_[A-Za-z0-9+/=]+")


@dataclass(slots=True)
class Held:
    """A receiver, and the secrets that its subscription has had, the newest last."""

    receiver: Receiver
    known: list[str]
    captured: list[Captured] = field(default_factory=list)

    def capture(self, name: str) -> None:
        """What has come since the last time, once for each secret that is in force."""
        for request in self.receiver.requests[len({id(one.headers) for one in self.captured}) :]:
            at = request.at.timestamp()
            self.captured += [
                Captured(request.headers, request.body, at, f"{name} {turn}") for turn in range(len(self.known))
            ]


@dataclass(frozen=True, slots=True)
class System:
    env: Mapping[str, str]
    stories: StoryStore

    async def tocsin(self, *words: str) -> str:
        """What it printed. Raises RuntimeError with what went wrong."""
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "services.cli", "subscriptions", *words, env=self.env, stdout=PIPE, stderr=PIPE
        )
        out, err = await process.communicate()
        if process.returncode:
            raise RuntimeError(f"tocsin subscriptions {' '.join(words)}: {err.decode()}{out.decode()}")
        return out.decode()

    def tell(self, name: str) -> None:
        at = datetime.now(UTC)
        told = story(id=make_id(name), revisions=(revision(at=at),), first_seen_at=at, updated_at=at)
        change = Change(told, alert(told))
        self.stories.assign(told.topic, make_id("entry", name), Marks(), at, lambda _: change)


def new_secret() -> str:
    return "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode()


@asynccontextmanager
async def notifying(env: Mapping[str, str]) -> AsyncIterator[None]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "services.notifier", env=env, stdout=DEVNULL, stderr=DEVNULL
    )
    try:
        yield
    finally:
        process.terminate()
        await process.wait()


async def rotated(many: int) -> int:
    async with AsyncExitStack() as stack:
        home = Path(stack.enter_context(TemporaryDirectory(prefix="tocsin-rotating-")))
        server = PrivateRedis(home, find_redis_binary(os.environ), durable=False)
        url = await server.start()
        stack.push_async_callback(server.stop)
        filed = Held(await stack.enter_async_context(Receiver()), [new_secret()])
        stored = Held(await stack.enter_async_context(Receiver()), [])
        env = _environment(home, url, filed)
        redis = stack.enter_context(connect_sync(url))
        system = System(env, StoryStore(redis, window_seconds=DAY, retention_seconds=int(DAY)))
        await stack.enter_async_context(notifying(env))
        address = f"http://127.0.0.1:{stored.receiver.port}/"
        stored.known += _SECRET.findall(
            await system.tocsin("add", "stored", "--webhook", address, "--per-minute", "6000")
        )
        everybody = {"filed": filed, "stored": stored}
        for turn in range(ROTATIONS + 1):
            if turn:
                await _rotate(system, everybody, home)
            await _told(system, everybody, turn, many)
        return await _judged(everybody, many)


def _environment(home: Path, url: str, filed: Held) -> dict[str, str]:
    (home / "secret").write_text(filed.known[0])
    channel = {"type": "webhook", "url": f"http://127.0.0.1:{filed.receiver.port}/", "secret": f"file:{home}/secret"}
    written = {"subscriptions": [{"id": "filed", "channel": channel, "per_minute": 6000}]}
    (home / "subscriptions.yaml").write_text(json.dumps(written))
    return {**os.environ} | {
        "TOCSIN_REDIS_URL": url,
        "TOCSIN_DATA_DIR": str(home / "data"),
        "TOCSIN_SUBSCRIPTIONS_FILE": str(home / "subscriptions.yaml"),
        "TOCSIN_ALLOW_NETWORKS": "127.0.0.0/8",
        "TOCSIN_ALERT_HOLD_SECONDS": "0",
        "TOCSIN_METRICS_PORT": "0",
    }


async def _rotate(system: System, everybody: Mapping[str, Held], home: Path) -> None:
    for name, held in everybody.items():
        printed = _SECRET.findall(await system.tocsin("rotate", name))
        held.known += printed or [(home / "secret").read_text().strip()]
        print(f"rotated {name}")
    await asyncio.sleep(FOLLOWS_SECONDS)


async def _told(system: System, everybody: Mapping[str, Held], turn: int, many: int) -> None:
    before = {name: len(held.receiver.requests) for name, held in everybody.items()}
    for number in range(many):
        system.tell(f"{turn} {number}")
    for name, held in everybody.items():
        await until(lambda held=held, name=name: len(held.receiver.requests) >= before[name] + many)  # type: ignore[misc]
        held.capture(name)
        print(f"{name}: {many} stories told under {len(held.known)} secrets")


async def _judged(everybody: Mapping[str, Held], many: int) -> int:
    captured = [one for held in everybody.values() for one in held.captured]
    known = {f"{name} {turn}": secret for name, held in everybody.items() for turn, secret in enumerate(held.known)}
    report = await verify_all(_each(captured), known)
    requests = sum(len(held.receiver.requests) for held in everybody.values())
    wanted = len(everybody) * (ROTATIONS + 1) * many + 1  # the handshake of the one made by command
    print(f"{requests} requests of {wanted}; judged with each secret in force: {report}")
    print(f"secrets that each subscription had: {[len({*held.known}) for held in everybody.values()]}")
    well = requests == wanted and all(len({*held.known}) == ROTATIONS + 1 for held in everybody.values())
    return 0 if well and report.verdicts and not report.not_accepted else 1


async def _each(captured: Sequence[Captured]) -> AsyncIterator[Captured]:
    for one in captured:
        yield one


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--stories", type=int, default=20, help="in each of the three phases")
    try:
        return asyncio.run(rotated(parser.parse_args().stories))
    except Unavailable as error:
        print(error, file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
