"""Every setting: its variable (`TOCSIN_` and the name in capitals), default, bounds and unit.

Nothing but the environment handed to `load_settings` is read: no `.env` file, no secrets directory.
"""

import sys
from collections.abc import Iterator, Mapping
from ipaddress import IPv4Network, IPv6Network, ip_network
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, ValidationError, WithJsonSchema
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from shared.errors import ConfigError
from shared.models.allowed import allowed_values

PREFIX = "TOCSIN_"

Network = IPv4Network | IPv6Network


def _networks(value: object) -> object:
    """Comma-separated text as networks; anything else is left to pydantic."""
    if not isinstance(value, str):
        return value
    return tuple(ip_network(part.strip()) for part in value.split(",") if part.strip())


def _origins(value: object) -> object:
    """Comma-separated text as origins; anything else is left to pydantic."""
    if not isinstance(value, str):
        return value
    return tuple(part.strip().lower() for part in value.split(",") if part.strip())


def _checks(value: object) -> object:
    """Comma-separated seconds, or `never`; anything else is left to pydantic."""
    if not isinstance(value, str):
        return value
    return () if value.strip() == "never" else tuple(part for part in value.split(",") if part.strip())


def _rising(times: tuple[float, ...]) -> tuple[float, ...]:
    if any(later <= earlier for earlier, later in pairwise(times)):
        raise ValueError("each must come later than the one before")
    return times


def _redis_url(url: SecretStr) -> SecretStr:
    if not url.get_secret_value().startswith(("redis://", "rediss://", "unix://")):
        raise ValueError("an address that begins with redis://, rediss:// or unix:// is needed")
    return url


def _public_url(url: str) -> str:
    if not url.startswith(("https://", "http://")) or any(mark in url for mark in "?# "):
        raise ValueError("an address that begins with https:// or http:// is needed, without ? and #")
    return url.rstrip("/")


PublicUrl = Annotated[str, AfterValidator(_public_url)]
RedisUrl = Annotated[SecretStr, AfterValidator(_redis_url)]
Checks = Annotated[
    tuple[Annotated[float, Field(gt=0)], ...],
    BeforeValidator(_checks),
    AfterValidator(_rising),
    WithJsonSchema({"type": "string"}),
]
Networks = Annotated[tuple[Network, ...], BeforeValidator(_networks), WithJsonSchema({"type": "string"})]
Origin = Annotated[str, Field(pattern=r"^https?://[^/\s?#@*]+$")]
Origins = Annotated[tuple[Origin, ...], BeforeValidator(_origins), WithJsonSchema({"type": "string"})]
Seconds = Annotated[float, Field(gt=0)]
WholeSeconds = Annotated[int, Field(gt=0)]
Count = Annotated[int, Field(gt=0)]
Port = Annotated[int, Field(ge=0, le=65535)]
Host = Annotated[str, Field(min_length=1, max_length=253)]
HeaderText = Annotated[str, Field(pattern=r"^[!-~]([ -~]*[!-~])?$", max_length=300)]  # RFC 9110, 5.5, ASCII only


class Settings(BaseSettings):
    """Durations are in seconds, sizes in bytes."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True, extra="ignore", allow_inf_nan=False)

    redis_url: RedisUrl | None = Field(
        None, description="the Redis to use, e.g. redis://:password@host:6379/0; unset: a private one is started"
    )
    data_dir: Path = Field(Path("data"), description="where the private Redis and other state is kept")
    feeds_file: Path = Field(Path("seeds/feeds.yaml"), description="which feeds are polled")
    subscriptions_file: Path = Field(Path("seeds/subscriptions.yaml"), description="who is told, and how")
    topics_dir: Path = Field(Path("seeds/topics"), description="the topic packs, a directory each")

    log_format: Literal["auto", "console", "json"] = Field(
        "auto", description="auto: console on a terminal, json elsewhere"
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field("info", description="the least that is logged")
    metrics_host: Host = Field("127.0.0.1", description="the address on which /metrics is served")
    metrics_port: Port = Field(
        9101,
        description="the port of /metrics, 0 for any free one; `tocsin up` gives each process its own",
    )
    canary_seconds: Annotated[int, Field(ge=0)] = Field(
        600, description="how often an entry of Tocsin's own goes the whole way, in whole seconds; 0: never"
    )
    gateway_host: Host = Field("127.0.0.1", description="the address on which the gateway listens")
    gateway_port: Port = Field(8080, description="the port on which the gateway listens, 0 for any free one")
    gateway_open: bool = Field(
        False,
        description="whether the gateway listens beyond this machine while there is no token, because something else "
        "guards its port",
    )
    gateway_cors_origins: Origins = Field(
        (),
        description="pages elsewhere that may call the API from a browser, comma-separated, e.g. https://desk.example",
    )
    gateway_rate_per_minute: Count = Field(
        600, description="requests a minute of one token, or of one address where no token is asked for"
    )
    gateway_writes_per_minute: Count = Field(60, description="how many of them may ask for a change")
    gateway_failures_per_minute: Count = Field(
        20, description="how often a minute one address may present a token that is none, before it is made to wait"
    )
    gateway_streams: Count = Field(1000, description="who may follow alerts as they ring at once, at one gateway")

    public_url: PublicUrl | None = Field(
        None, description="where people reach the gateway, e.g. https://tocsin.example; for the links in messages"
    )
    websub_callback_url: PublicUrl | None = Field(
        None, description="the gateway's public address, e.g. https://tocsin.example; set: hubs are asked for pushes"
    )

    user_agent: HeaderText = Field(
        "Tocsin/0.1 (+https://github.com/tocsin-monitor/tocsin; feeds@tocsin.example)",
        description="who we tell servers we are; name a contact of yours",
    )
    allow_networks: Networks = Field(
        (),
        description="private networks that may be fetched from, comma-separated, e.g. 10.0.0.0/8,fd00::/8",
    )

    poll_interval_seconds: Seconds = Field(
        300.0, description="the least from one poll of a feed to the next; how much more depends on the feed's rhythm"
    )
    poll_interval_max_seconds: Seconds = Field(
        3600.0, description="the most from one poll of a healthy feed to the next"
    )
    poll_jitter: float = Field(
        0.1, ge=0, lt=1, description="the share of an interval by which it is varied at random, each way"
    )
    poll_concurrency: Count = Field(50, description="feeds fetched at once by one poller")
    poll_per_host: Count = Field(2, description="feeds fetched at once from one host, by all pollers together")
    poll_host_gap_seconds: Seconds = Field(
        1.0, description="the least between the starts of two fetches from one host, by all pollers together"
    )
    poll_lease_seconds: Seconds = Field(
        60.0, description="how long a poller owns a feed that it has claimed; longer than a poll takes"
    )
    poll_connect_seconds: Seconds = Field(5.0, description="the most that connecting may take")
    poll_read_seconds: Seconds = Field(10.0, description="the longest silence of a server in the middle of an answer")
    poll_total_seconds: Seconds = Field(30.0, description="the most that fetching a feed may take, redirects and all")
    poll_max_bytes: Count = Field(15_728_640, description="the largest feed, in bytes after decoding")
    poll_backoff_seconds: Seconds = Field(
        60.0, description="the wait after a first failure; it doubles with each further one"
    )
    poll_backoff_cap_seconds: Seconds = Field(21_600.0, description="the longest wait after failures")
    parse_seconds: Seconds = Field(
        10.0, description="the most that parsing a feed may take before its process is ended"
    )
    parse_processes: Count = Field(1, description="processes that parse, for each poller")
    seed_max_age_seconds: Seconds = Field(
        86_400.0, description="at a feed's first poll, entries older than this are taken as known"
    )
    seed_max_entries: Annotated[int, Field(ge=0)] = Field(
        20, description="at a feed's first poll, the most entries that count as new"
    )
    max_entries_per_poll: Count = Field(1000, description="the most entries read from one poll of a feed")

    full_text: bool = Field(
        True, description="whether the pages of relevant entries are fetched, and classified with their text"
    )
    page_concurrency: Count = Field(8, description="pages fetched at once by one poller")
    page_total_seconds: Seconds = Field(
        20.0, description="the most that fetching a page may take; with its extraction less than the poll lease"
    )
    page_max_bytes: Count = Field(5_242_880, description="the largest page, in bytes after decoding")
    page_max_characters: Count = Field(20_000, description="the most characters of a page's text that are kept")
    page_checks_seconds: Checks = Field(
        (3600.0, 21_600.0, 86_400.0),
        description="how long after its reading a page is looked at again for corrections and removal, "
        "comma-separated, or never",
    )

    batch_size: Count = Field(50, description="the most entries in one classifier job")
    classifier_processes: Count = Field(1, description="classifiers that `tocsin up` starts")
    classifier_max_jobs: Count = Field(
        10_000, description="jobs after which a classifier process is replaced by a fresh one"
    )
    job_timeout_seconds: WholeSeconds = Field(
        30, description="the most that one classifier job may take, in whole seconds"
    )
    entry_retention_seconds: WholeSeconds = Field(1_209_600, description="how long an entry is kept, in whole seconds")
    story_window_seconds: Seconds = Field(
        345_600.0, description="how long after its last article a story still takes in new ones"
    )
    story_retention_seconds: WholeSeconds = Field(
        15_552_000, description="how long a story is kept after its last change, in whole seconds"
    )

    alert_hold_seconds: Annotated[float, Field(ge=0)] = Field(
        15.0,
        description="seconds from a story's first revision to its `created`, so that first reports are told as one",
    )
    alert_update_interval_seconds: Annotated[float, Field(ge=0)] = Field(
        600.0, description="the least seconds between two `updated` of a story to one subscription"
    )
    delivery_concurrency: Count = Field(200, description="endpoints that one notifier delivers to at once")
    delivery_lease_seconds: Seconds = Field(
        30.0, description="how long a notifier owns an endpoint that it has claimed; longer than an attempt takes"
    )
    delivery_total_seconds: Seconds = Field(15.0, description="the most that an attempt may take")
    delivery_connect_seconds: Seconds = Field(5.0, description="the most that connecting may take")
    delivery_max_age_seconds: Seconds = Field(
        86_400.0, description="how long after the first failure a delivery is given up"
    )
    delivery_retry_scale: Annotated[float, Field(gt=0)] = Field(
        1.0, description="a factor on every gap between attempts and probes; below 1 in tests and the demo only"
    )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Only what the caller hands over: nobody reads the process's environment behind its back."""
        return (init_settings,)


def variable(name: str) -> str:
    """`poll_jitter` as `TOCSIN_POLL_JITTER`."""
    return PREFIX + name.upper()


def load_settings(env: Mapping[str, str]) -> Settings:
    """Settings as `env` has them; an empty value counts as unset. `ConfigError` holds a line for each wrong value."""
    given = {name: text for name in Settings.model_fields if (text := env.get(variable(name), "").strip())}
    try:
        return Settings.model_validate(given)
    except ValidationError as error:
        raise ConfigError(*(_problem(detail, given) for detail in error.errors(include_url=False))) from None


def _problem(detail: ErrorDetails, given: Mapping[str, str]) -> str:
    name = str(detail["loc"][0])
    shown = "" if _is_secret(name) else f"={given[name]!r}"
    wrong = detail["msg"].removeprefix("Value error, ").removeprefix("Input ")
    return f"{variable(name)}{shown}: {wrong}; allowed: {allowed_values(Settings.model_json_schema(), (name,))}"


def _is_secret(name: str) -> bool:
    return "SecretStr" in str(Settings.model_fields[name].annotation)


def reference() -> str:
    """`docs/reference/settings.md`."""
    return "\n".join(_reference()) + "\n"


def _reference() -> Iterator[str]:
    yield "# Settings"
    yield ""
    yield "Environment variables, read once when a process starts; an empty one counts as unset. A wrong value ends the"
    yield "process with exit code 2 and a line that says what is allowed. `_SECONDS` or `_BYTES` in a name is its unit."
    yield ""
    yield "Generated by `python -m shared.settings`."
    yield ""
    yield "| variable | default | allowed | meaning |"
    yield "|---|---|---|---|"
    schema = Settings.model_json_schema()
    for name, field in Settings.model_fields.items():
        meaning = str(field.description)
        allowed = allowed_values(schema, (name,)).removesuffix(f" ({meaning})")
        cells = [f"`{variable(name)}`", _default(field), allowed, meaning]
        yield f"| {' | '.join(cell.replace('|', '&#124;') for cell in cells)} |"


def _default(field: FieldInfo) -> str:
    if field.default in (None, ()):
        return "unset"
    return f"`{','.join(map(str, field.default)) if isinstance(field.default, tuple) else field.default}`"


if __name__ == "__main__":
    sys.stdout.write(reference())
