"""The stack in containers, each of which dies twice, and is back by itself.

    python -m tests.acceptance.stack [--compose docker-compose] [--no-build]

Brings up docker-compose.yml with the demo, all but Grafana, under a project name and ports of its own, and waits until
every container is healthy, Prometheus has every target up, the demo's receiver was rung, and a canary has arrived. Then
each container dies in turn:

- by SIGKILL to its process from outside, as the kernel kills when memory is short: Docker must start it again;
- by `docker kill`, which Docker takes for a wish: deploy/keep.sh, which runs beside the stack, must start it again.

After each death all must be healthy, every target scraped anew and up, and a canary arrive that was published after it.
In the end the stack is taken down with its volumes. Exit code 1 if something did not heal; its last words are shown.
"""

import argparse
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import partial
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any

from shared import keys

ROOT = Path(__file__).resolve().parents[2]
PROJECT = "tocsin-stack"
FILES = ("docker-compose.yml", "deploy/compose.demo.yml")
JOBS = ("poller", "classifier", "notifier", "gateway")
UP_SECONDS, BACK_SECONDS, LOOK_SECONDS = 180.0, 120.0, 0.5


class Death(StrEnum):
    PROCESS = "its process is killed"
    DOCKER = "docker kill"


class StillWrong(Exception):
    """What has not come about in time."""


@dataclass(frozen=True, slots=True)
class State:
    """Of a container. `restarts`: by Docker itself, since it was last started by somebody."""

    running: bool
    health: str
    pid: int
    started_at: str
    restarts: int


@dataclass(frozen=True, slots=True)
class Stack:
    """`containers`: service → id, which outlives the container's deaths."""

    containers: Mapping[str, str]
    prometheus_port: int

    def ails(self, since: float) -> str:
        """What is not as it should be, or nothing. `since`: Unix seconds, of the oldest sign of life that counts."""
        return self.unwell() or self.blind(since) or self.mute(since)

    def unwell(self) -> str:
        states = zip(self.containers, states_of(self.containers.values()), strict=True)
        return ", ".join(f"{service} is {state.health}" for service, state in states if state.health != "healthy")

    def blind(self, since: float) -> str:
        """Which targets Prometheus does not have, or not up."""
        try:
            targets = self._targets()
        except (OSError, HTTPException, ValueError) as error:
            return f"Prometheus does not answer: {error!r}"
        found = {target["labels"]["job"] for target in targets}
        wrong = [(target["labels"]["job"], scraped(target, since)) for target in targets]
        wrong += [(job, "no target") for job in JOBS if job not in found]
        return ", ".join(f"{job}: {what}" for job, what in wrong if what)

    def mute(self, since: float) -> str:
        """That no canary of `since` or later has arrived."""
        key = keys.canary()
        answer = docker("exec", self.containers["redis"], "redis-cli", "hget", key, "published_at", check=False)
        return "" if float(answer or 0) > since else "no canary has arrived yet"

    def unrung(self) -> str:
        """What the demo's receiver lacks; it refuses what it cannot verify."""
        lines = docker("logs", self.containers["demo-receiver"]).splitlines()
        heard = [json.loads(line) for line in lines if line.startswith("{")]
        if refused := [one for one in heard if not one["verified"]]:
            return f"the receiver refused {refused[0]}"
        return "" if heard else "the receiver was not rung yet"

    def state(self, service: str) -> State:
        return next(states_of([self.containers[service]]))

    def strike(self, service: str, death: Death) -> None:
        if death is Death.DOCKER:
            docker("kill", self.containers[service])
        else:
            kill = f"import os; os.kill({self.state(service).pid}, 9)"
            image = docker("inspect", "--format", "{{.Image}}", self.containers["poller"])
            rights = ("--pid", "host", "--user", "0", "--cap-drop", "ALL", "--cap-add", "KILL", "--network", "none")
            docker("run", "--rm", *rights, image, "python", "-c", kill)

    def still_dead(self, service: str, before: State, death: Death) -> str:
        state = self.state(service)
        if not state.running or state.started_at == before.started_at:
            return f"{service} is not started again: {state.health}"
        if death is Death.PROCESS and state.restarts <= before.restarts:
            return f"{service} was not started again by Docker"
        return ""

    def _targets(self) -> list[dict[str, Any]]:
        connection = HTTPConnection("127.0.0.1", self.prometheus_port, timeout=5)
        try:
            connection.request("GET", "/api/v1/targets?state=active")
            targets: list[dict[str, Any]] = json.load(connection.getresponse())["data"]["activeTargets"]
        finally:
            connection.close()
        return targets


def docker(*words: str, check: bool = True) -> str:
    """What it printed. Raises StillWrong with what went wrong."""
    done = subprocess.run(("docker", *words), check=False, capture_output=True, text=True)
    if check and done.returncode:
        raise StillWrong(f"docker {' '.join(words)}: {done.stderr.strip()}")
    return done.stdout.strip()


def states_of(ids: Iterable[str]) -> Iterator[State]:
    for line in docker("inspect", "--format", "{{json .State}} {{.RestartCount}}", *ids).splitlines():
        told, _, restarts = line.rpartition(" ")
        state = json.loads(told)
        health = state["Health"]["Status"] if state["Running"] else state["Status"]
        yield State(state["Running"], health, state["Pid"], state["StartedAt"], int(restarts))


def scraped(target: Mapping[str, Any], since: float) -> str:
    """What is wrong with the last scrape of it."""
    if datetime.fromisoformat(target["lastScrape"]).timestamp() < since:
        return "not scraped yet"
    return "" if target["health"] == "up" else f"{target['health']}, {target['lastError']}"


def until(complaint: Callable[[], str], seconds: float) -> float:
    """In how many seconds there was none any more. Raises StillWrong with the last one."""
    began = time.monotonic()
    while told := complaint():
        waited = time.monotonic() - began
        if waited > seconds:
            raise StillWrong(f"after {seconds:.0f} s: {told}")
        print(f"\r\033[K  {waited:3.0f} s  {told[:100]}", end="", file=sys.stderr, flush=True)
        time.sleep(LOOK_SECONDS)
    print("\r\033[K", end="", file=sys.stderr)
    return time.monotonic() - began


@contextmanager
def standing(command: Sequence[str], *, build: bool) -> Iterator[Stack]:
    """The stack, from `up` to `down`. Raises StillWrong if it does not come up."""
    ports = {f"{name}_PORT": str(free_port()) for name in ("GATEWAY", "PROMETHEUS")}
    files = [word for file in FILES for word in ("-f", file)]

    def compose(*words: str, silent: bool = False) -> str:
        done = subprocess.run(
            (*command, "-p", PROJECT, *files, *words),
            cwd=ROOT, env=os.environ | ports, check=False, text=True, stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL if silent else None,
        )  # fmt: skip
        if done.returncode:
            raise StillWrong(f"{' '.join(command)} {words[0]} failed")
        return done.stdout

    services = [name for name in compose("config", "--services").split() if name != "grafana"]
    try:
        compose("up", "-d", *(["--build"] if build else []), *services)
        yield Stack(containers(), int(ports["PROMETHEUS_PORT"]))
    except StillWrong:
        sys.stderr.write("\n" + compose("logs", "--tail", "12"))
        raise
    finally:
        compose("down", "--volumes", silent=True)


def containers() -> Mapping[str, str]:
    label = "com.docker.compose"
    told = docker(
        "ps", "--all", "--filter", f"label={label}.project={PROJECT}", "--format",
        f'{{{{.Label "{label}.service"}}}} {{{{.ID}}}}',
    )  # fmt: skip
    return dict(sorted(line.split() for line in told.splitlines()))


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


@contextmanager
def keeping() -> Iterator[None]:
    process = subprocess.Popen([ROOT / "deploy/keep.sh"], stdout=subprocess.DEVNULL)
    try:
        yield
    finally:
        process.terminate()
        process.wait()


def healed(stack: Stack, service: str, death: Death) -> str:
    """How it came back. Raises StillWrong if it did not."""
    before, since = stack.state(service), time.time()
    stack.strike(service, death)
    back = until(partial(stack.still_dead, service, before, death), BACK_SECONDS)
    whole = back + until(partial(stack.ails, since), BACK_SECONDS)
    return f"{service:<14} {death:<22} started again in {back:4.1f} s, all is well in {whole:3.0f} s"


def proven(command: Sequence[str], *, build: bool) -> None:
    with standing(command, build=build) as stack:
        print(f"{len(stack.containers)} containers are up; Prometheus is at http://127.0.0.1:{stack.prometheus_port}")
        seconds = until(stack.unrung, UP_SECONDS) + until(partial(stack.ails, 0), UP_SECONDS)
        print(f"{len(JOBS)} targets are up, the demo has rung, a canary has arrived: {seconds:.0f} s", flush=True)
        with keeping():
            for service in stack.containers:
                for death in Death:
                    print(healed(stack, service, death), flush=True)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--compose", default="docker compose", help="the command, such as docker-compose")
    parser.add_argument("--no-build", action="store_true", help="the image is there already")
    options = parser.parse_args()
    try:
        proven(options.compose.split(), build=not options.no_build)
    except StillWrong as error:
        print(f"\n{error}", file=sys.stderr)
        return 1
    print("every container died twice and was back by itself")
    return 0


if __name__ == "__main__":
    sys.exit(main())
