"""Two verifiers that are none of ours judge signed requests: `standardwebhooks` of PyPI and of npm."""

import asyncio
import base64
import json
from asyncio.subprocess import PIPE, STDOUT, Process
from collections.abc import AsyncIterable, AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import datetime, tzinfo
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Self

from standardwebhooks import Webhook, WebhookVerificationError, webhooks

from tests.node import NO_NODE, node_home

NPM_PACKAGE = "standardwebhooks@1.1.1"
SCRIPT = Path(__file__).with_name("verify.mjs")
END_WITHIN_SECONDS = 5


class Unavailable(Exception):
    """Node or its package cannot be had."""


@dataclass(frozen=True, slots=True)
class Captured:
    """A request as it came in at `at` (Unix seconds), and the name of the secret that its receiver held then."""

    headers: Mapping[str, str]
    body: bytes
    at: float
    secret: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """Why a verifier refused it; None if it did not."""

    captured: Captured
    python: str | None
    node: str | None

    @property
    def accepted(self) -> bool:
        """By both."""
        return self.python is None and self.node is None

    @property
    def refused(self) -> bool:
        """By both."""
        return self.python is not None and self.node is not None

    def __str__(self) -> str:
        name = self.captured.headers.get("webhook-id", "(no id)")
        return f"{name} at {self.captured.at:.0f} by {self.captured.secret}: {self.python} / {self.node}"


@dataclass(frozen=True, slots=True)
class Report:
    verdicts: tuple[Verdict, ...]

    @property
    def not_accepted(self) -> tuple[Verdict, ...]:
        return tuple(verdict for verdict in self.verdicts if not verdict.accepted)

    def __str__(self) -> str:
        total, bad = len(self.verdicts), self.not_accepted
        return "\n".join([f"{total - len(bad)} of {total} requests accepted by both verifiers", *map(str, bad)])


async def verify_all(captured: AsyncIterable[Captured], secrets: Mapping[str, str]) -> Report:
    """Judge each as it comes, by the time at which it was captured.

    Args:
        secrets: `whsec_…` by the name that `captured` gives it.

    Raises:
        Unavailable: Node or npm's package cannot be had.
    """
    async with NpmVerifier.installed() as npm:
        return Report(tuple([await _verdict(one, secrets[one.secret], npm) async for one in captured]))


async def _verdict(captured: Captured, secret: str, npm: "NpmVerifier") -> Verdict:
    return Verdict(captured, pypi_refusal(captured, secret), await npm.refusal(captured, secret))


def pypi_refusal(captured: Captured, secret: str) -> str | None:
    """None if PyPI's package accepts it."""
    try:
        with _clock_at(captured.at):
            Webhook(secret).verify(captured.body, dict(captured.headers))
    except (WebhookVerificationError, ValueError) as error:  # ValueError: a header or body that it cannot even split
        return f"{type(error).__name__}: {error}"
    return None


@contextmanager
def _clock_at(at: float) -> Iterator[None]:
    """The package asks `datetime.now`, and no other way leads there."""

    class Then(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> Self:
            return cls.fromtimestamp(at, tz)

    names = vars(webhooks)
    real, names["datetime"] = names["datetime"], Then
    try:
        yield
    finally:
        names["datetime"] = real


@dataclass(frozen=True, slots=True)
class NpmVerifier:
    """One Node for all requests, asked line by line."""

    process: Process

    @classmethod
    @asynccontextmanager
    async def installed(cls) -> AsyncIterator[Self]:
        home = node_home()
        if home is None:
            raise Unavailable(NO_NODE)
        node = home / "bin/node"
        with TemporaryDirectory(prefix="tocsin-npm-") as directory:
            await _install(node, home / "lib/node_modules/npm/bin/npm-cli.js", directory)
            process = await asyncio.create_subprocess_exec(node, SCRIPT, directory, stdin=PIPE, stdout=PIPE)
            try:
                yield cls(process)
            finally:
                await _ended(process)

    async def refusal(self, captured: Captured, secret: str) -> str | None:
        """None if npm's package accepts it."""
        stdin, stdout = self.process.stdin, self.process.stdout
        assert stdin
        assert stdout
        stdin.write(_line(captured, secret))
        await stdin.drain()
        answer = await stdout.readline()
        if not answer:
            raise Unavailable("Node has ended before its time")
        refusal = json.loads(answer)["refusal"]
        return None if refusal is None else str(refusal)


def _line(captured: Captured, secret: str) -> bytes:
    body = base64.b64encode(captured.body).decode()
    request = {"headers": dict(captured.headers), "body": body, "at": captured.at, "secret": secret}
    return json.dumps(request).encode() + b"\n"


async def _install(node: Path, npm: Path, directory: str) -> None:
    quietly = ("--no-audit", "--no-fund", "--ignore-scripts", "--loglevel=error")
    process = await asyncio.create_subprocess_exec(
        node,
        npm,
        "install",
        *quietly,
        "--prefix",
        directory,
        NPM_PACKAGE,
        stdout=PIPE,
        stderr=STDOUT,
    )
    said, _ = await process.communicate()
    if process.returncode:
        raise Unavailable(f"npm install {NPM_PACKAGE}: {said.decode(errors='replace').strip()}")


async def _ended(process: Process) -> None:
    assert process.stdin
    process.stdin.close()
    try:
        await asyncio.wait_for(process.wait(), END_WITHIN_SECONDS)
    except TimeoutError:
        process.kill()
        await process.wait()
