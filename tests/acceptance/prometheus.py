"""A real Prometheus on loopback, on the shipped scrape config and rules, and what it answers."""

import asyncio
import os
import shutil
from asyncio.subprocess import DEVNULL, PIPE, STDOUT, Process
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import isnan
from pathlib import Path
from typing import Any, Self

import httpx
from ruamel.yaml import YAML

from shared.runtime.children import end_with_parent

PATIENCE_SECONDS = 30.0
Labels = Mapping[str, str]


class Missing(Exception):
    """There is no Prometheus on this machine."""


class Refused(Exception):
    """Prometheus does not take what it was given, and says why."""


@dataclass(frozen=True, slots=True)
class Sample:
    labels: Labels
    value: float

    @property
    def is_number(self) -> bool:
        return not isnan(self.value)


@dataclass(frozen=True, slots=True)
class Alert:
    """`state`: pending or firing."""

    labels: Labels
    state: str
    summary: str

    @property
    def fires(self) -> bool:
        return self.state == "firing"


def is_installed() -> None:
    """Raises Missing."""
    for command in ("prometheus", "promtool"):
        if shutil.which(command) is None:
            raise Missing(f"{command} is not installed; on Debian or Ubuntu: apt install prometheus")


def local(shipped: Mapping[str, Any], targets: Path, interval: float) -> dict[str, Any]:
    """The scrape config with its jobs, which are found in files `<job>.json`, each `interval` seconds."""
    pace = f"{interval * 1000:.0f}ms"
    jobs = [
        {
            "job_name": job["job_name"],
            "file_sd_configs": [{"files": [str(targets / f"{job['job_name']}.json")], "refresh_interval": "1s"}],
        }
        for job in shipped["scrape_configs"]
    ]
    often = {"scrape_interval": pace, "scrape_timeout": pace, "evaluation_interval": pace}
    return {"global": often, "rule_files": ["rules.yml"], "scrape_configs": jobs}


async def promtool(*words: str, said: bytes = b"") -> None:
    """`said`: to its standard input. Raises Refused with what it has to complain of."""
    process = await asyncio.create_subprocess_exec("promtool", *words, stdin=PIPE, stdout=PIPE, stderr=STDOUT)
    out, _ = await process.communicate(said)
    if process.returncode or (said and out):  # of metrics it has only complaints to print
        raise Refused(out.decode())


@dataclass(slots=True)
class Prometheus:
    """A context manager. `groups`: of rules."""

    home: Path
    port: int
    config: Mapping[str, Any]
    groups: Sequence[Mapping[str, Any]]
    _http: httpx.AsyncClient = field(init=False)
    _process: Process | None = None

    async def __aenter__(self) -> Self:
        self.home.mkdir()
        YAML().dump(dict(self.config), self.home / "prometheus.yml")
        YAML().dump({"groups": list(self.groups)}, self.home / "rules.yml")
        await promtool("check", "config", str(self.home / "prometheus.yml"))
        self._http = httpx.AsyncClient(base_url=f"http://127.0.0.1:{self.port}", trust_env=False, timeout=30)
        await self._start()
        return self

    async def _start(self) -> None:
        options = {
            "config.file": self.home / "prometheus.yml",
            "storage.tsdb.path": self.home / "data",
            "web.listen-address": f"127.0.0.1:{self.port}",
        }
        with (self.home / "prometheus.log").open("wb") as log:
            self._process = await asyncio.create_subprocess_exec(
                "prometheus",
                *(f"--{name}={value}" for name, value in options.items()),
                stdin=DEVNULL,
                stdout=log,
                stderr=log,
                preexec_fn=end_with_parent(os.getpid()),
            )
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not await self._is_ready():  # noqa: ASYNC110 - it happens elsewhere
                await asyncio.sleep(0.1)

    async def _is_ready(self) -> bool:
        try:
            return (await self._http.get("/-/ready")).is_success
        except httpx.TransportError:
            return False

    async def __aexit__(self, *_: object) -> None:
        await self._http.aclose()
        if self._process is not None and self._process.returncode is None:
            self._process.kill()
            await self._process.wait()

    async def ask(self, query: str) -> list[Sample]:
        """As it is now. Raises Refused with the words of Prometheus."""
        found = await self._data("query", query=query)
        return [Sample(each["metric"], float(each["value"][1])) for each in found["result"]]

    async def values(self, label: str, of: str) -> list[str]:
        """Those that a label of these series has."""
        found: list[str] = await self._data(f"label/{label}/values", **{"match[]": of})
        return found

    async def alerts(self) -> list[Alert]:
        """Those whose expression holds now."""
        found = (await self._data("alerts"))["alerts"]
        return [Alert(each["labels"], each["state"], each["annotations"]["summary"]) for each in found]

    async def up(self) -> dict[str, int]:
        """How many targets of each job answer."""
        found = await self.ask("sum by (job) (up)")
        return {each.labels["job"]: int(each.value) for each in found}

    async def _data(self, what: str, **params: str) -> Any:
        answer = (await self._http.get(f"/api/v1/{what}", params=params)).json()
        if answer["status"] != "success":
            raise Refused(answer["error"])
        return answer["data"]
