import json
import re
from base64 import b64encode
from collections.abc import Mapping
from pathlib import Path

import pytest
from pydantic import SecretStr
from standardwebhooks import Webhook

from shared.config.subscriptions import is_webhook_secret, load_subscriptions, secret_files, written_subscriptions
from shared.errors import ConfigError
from shared.models.story import MILESTONES
from shared.models.subscription import REACHABLE, REVEAL, Digest, JournalChannel, Quiet, Subscription, WebhookChannel
from shared.models.topic import Severity
from tests.factories import NOON, subscription

ROOT = Path(__file__).parents[2]


def whsec(size: int) -> str:
    return "whsec_" + b64encode(bytes(range(size))).decode()


def write(tmp_path: Path, *secrets: str) -> Path:
    path = tmp_path / "subscriptions.yaml"
    rows = [
        f"  - id: s{index}\n    channel:\n      type: webhook\n      url: https://r.example/\n      secret: {secret}\n"
        for index, secret in enumerate(secrets)
    ]
    path.write_text("subscriptions:\n" + "".join(rows))
    return path


def secret_of(path: Path, env: Mapping[str, str]) -> str:
    (subscription,) = load_subscriptions(path, env)
    assert isinstance(subscription.channel, WebhookChannel)
    return subscription.channel.secret.get_secret_value()


def problem_of(path: Path, env: Mapping[str, str]) -> str:
    with pytest.raises(ConfigError) as caught:
        load_subscriptions(path, env)
    (problem,) = caught.value.problems
    return problem.removeprefix(f"{path}:")


def test_a_secret_may_stand_in_the_file_the_environment_or_another_file(tmp_path: Path) -> None:
    (tmp_path / "key").write_text(whsec(32) + "\n")
    env = {"HOOK": whsec(32)}
    for written in (whsec(32), "env:HOOK", f"file:{tmp_path}/key"):
        assert secret_of(write(tmp_path, written), env) == whsec(32)


@pytest.mark.parametrize("size", [24, 32, 64])
def test_a_secret_that_we_take_is_one_that_the_standard_library_takes(size: int) -> None:
    assert is_webhook_secret(whsec(size))
    assert Webhook(whsec(size)).sign("id", NOON, "{}").startswith("v1,")


@pytest.mark.parametrize(
    "secret",
    ["", "whsec_", whsec(23), whsec(65), whsec(32)[6:], whsec(32)[:-1], whsec(32).replace("_", "-"), "whsec_é"],
)
def test_another_secret_is_refused_with_a_way_to_make_one_and_not_repeated(tmp_path: Path, secret: str) -> None:
    problem = problem_of(write(tmp_path, "env:HOOK"), {"HOOK": secret or "x"})
    assert problem.startswith("6: subscriptions[0].channel.secret: the value of the environment variable HOOK")
    assert "openssl rand -base64 32" in problem
    assert len(secret) < 7 or secret not in problem


def test_a_variable_that_is_not_set_is_named(tmp_path: Path) -> None:
    for env in ({}, {"HOOK": ""}):
        problem = problem_of(write(tmp_path, "env:HOOK"), env)
        assert problem.startswith("6: subscriptions[0].channel.secret: the environment variable HOOK is not set")


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    problem = problem_of(write(tmp_path, f"file:{tmp_path}/none"), {})
    assert problem.startswith(f"6: subscriptions[0].channel.secret: {tmp_path}/none cannot be read: no such file")


def test_every_problem_is_told_at_once(tmp_path: Path) -> None:
    path = write(tmp_path, "env:A", "env:B")
    path.write_text(path.read_text().replace("id: s1", "id: s0"))
    with pytest.raises(ConfigError) as caught:
        load_subscriptions(path, {})
    lines = [problem.removeprefix(f"{path}:") for problem in caught.value.problems]
    assert [line.partition(" ")[0] for line in lines] == ["7:", "6:", "11:"]
    assert lines[0] == "7: subscriptions[1].id: the same id as on line 2: s0; allowed: each id once"


def test_a_loaded_subscription_does_not_show_its_secret(tmp_path: Path) -> None:
    assert whsec(32) not in repr(load_subscriptions(write(tmp_path, whsec(32)), {}))


def test_a_new_installation_has_a_journal_of_everything() -> None:
    (journal,) = load_subscriptions(ROOT / "seeds/subscriptions.yaml", {})
    assert journal.id == "journal"
    assert journal.model_dump()["channel"] == {"type": "journal", "path": "data/alerts.jsonl"}
    assert (journal.topics, journal.languages) == ((), ())


def test_all_that_is_commented_in_a_new_installation_works_once_uncommented(tmp_path: Path) -> None:
    seed = (ROOT / "seeds/subscriptions.yaml").read_text()
    head, mark, examples = seed.partition("  # - id: newsroom")
    path = tmp_path / "subscriptions.yaml"
    path.write_text(head + re.sub(r"^  # ?", "  ", mark + examples, flags=re.MULTILINE))
    env = {
        "TOCSIN_WEBHOOK_SECRET": whsec(32),
        "TOCSIN_SLACK_URL": "https://hooks.example/a",
        "TOCSIN_MAIL_PASSWORD": "x",
    }
    _, newsroom, slack, mail = load_subscriptions(path, env)
    assert newsroom.topics == ("dprk-kursk",)
    assert slack.quiet == Quiet(start="22:00", end="07:00", unless=Severity.CRITICAL)
    assert mail.digest == Digest(at=("08:00", "18:00"))
    assert {each.timezone for each in (slack, mail)} == {"Europe/Kyiv"}


# Secrets of every channel

CHANNELS = [
    ("webhook", "{type: webhook, url: https://r.example/, secret: SECRET}", "secret", whsec(32)),
    ("slack", "{type: slack, url: SECRET}", "url", "https://hooks.example/services/T0/B0/xyz"),
    ("discord", "{type: discord, url: SECRET}", "url", "https://discord.example/api/webhooks/1/xyz"),
    ("apprise", "{type: apprise, url: SECRET}", "url", "tgram://123:abc/456"),
    (
        "email",
        "{type: email, host: mail.example, sender: a@b.example, to: [c@d.example], password: SECRET}",
        "password",
        "пароль 1",
    ),
]
EACH = pytest.mark.parametrize(("channel", "field", "secret"), [each[1:] for each in CHANNELS], ids=lambda _: "")


def written(tmp_path: Path, channel: str, secret: str) -> Path:
    path = tmp_path / "subscriptions.yaml"
    path.write_text(f"subscriptions:\n  - id: desk\n    channel: {channel.replace('SECRET', json.dumps(secret))}\n")
    return path


def found(subscription: Subscription, field: str) -> str:
    secret = getattr(subscription.channel, field)
    assert isinstance(secret, SecretStr)
    return secret.get_secret_value()


@EACH
def test_every_secret_may_be_kept_elsewhere(tmp_path: Path, channel: str, field: str, secret: str) -> None:
    (tmp_path / "key").write_text(secret + "\n", encoding="utf-8")
    for place in (secret, "env:HOOK", f"file:{tmp_path}/key"):
        path = written(tmp_path, channel, place)
        (loaded,) = load_subscriptions(path, {"HOOK": f" {secret}\n"})
        assert found(loaded, field) == secret
        assert secret_files(path) == ([tmp_path / "key"] if place.startswith("file:") else [])
        assert found(written_subscriptions(path)[0], field) == place


@EACH
def test_a_secret_that_is_not_to_be_had_is_named_by_its_place(
    tmp_path: Path, channel: str, field: str, secret: str
) -> None:
    unset = problem_of(written(tmp_path, channel, "env:HOOK"), {})
    assert unset.startswith(f"3: subscriptions[0].channel.{field}: the environment variable HOOK is not set; allowed: ")
    missing = problem_of(written(tmp_path, channel, f"file:{tmp_path}/none"), {})
    assert missing.startswith(f"3: subscriptions[0].channel.{field}: {tmp_path}/none cannot be read: no such file")
    assert "`env:NAME` or `file:PATH`" in unset
    (tmp_path / "key").write_text("")
    empty = problem_of(written(tmp_path, channel, f"file:{tmp_path}/key"), {})
    assert empty.startswith(f"3: subscriptions[0].channel.{field}: the content of {tmp_path}/key is not ")


@pytest.mark.parametrize(
    "wrong", ["hunter2", "ftp://hunter2.example/", "https://hunter2:99999/", "https://[hunter2", "//x"]
)
@pytest.mark.parametrize("channel", ["slack", "discord"])
def test_an_address_that_is_none_is_refused_and_not_repeated(tmp_path: Path, channel: str, wrong: str) -> None:
    for place, env in ((wrong, {}), ("env:HOOK", {"HOOK": wrong})):
        problem = problem_of(written(tmp_path, f"{{type: {channel}, url: SECRET}}", place), env)
        assert "is not an https:// address; allowed: an https:// address, or `env:NAME`" in problem
        assert "hunter2" not in problem


def test_what_is_no_text_is_no_password(tmp_path: Path) -> None:
    (tmp_path / "key").write_bytes(b"hunter2\xff")
    problem = problem_of(written(tmp_path, CHANNELS[-1][1], f"file:{tmp_path}/key"), {})
    assert problem.startswith(f"3: subscriptions[0].channel.password: the content of {tmp_path}/key is not text")
    assert "hunter2" not in problem


def test_a_channel_without_secrets_needs_none(tmp_path: Path) -> None:
    (journal,) = load_subscriptions(written(tmp_path, "{type: journal, path: a.jsonl}", ""), {})
    assert journal.channel == JournalChannel(path="a.jsonl")
    (mail,) = load_subscriptions(
        written(tmp_path, "{type: email, host: m.example, sender: a@b.example, to: [c@d.example]}", ""), {}
    )
    assert mail.channel.model_dump()["password"] is None


@EACH
def test_a_secret_is_shown_as_stars_unless_it_is_to_be_revealed(
    tmp_path: Path, channel: str, field: str, secret: str
) -> None:
    (loaded,) = load_subscriptions(written(tmp_path, channel, secret), {})
    shown = (
        repr(loaded),
        str(loaded),
        f"{loaded.channel}",
        loaded.model_dump_json(),
        str(loaded.model_dump(mode="json")),
    )
    assert all(secret not in text for text in shown)
    assert loaded.model_dump(mode="json")["channel"][field] == "**********"
    revealed = loaded.model_dump_json(context={REVEAL: True})
    assert found(Subscription.model_validate_json(revealed), field) == secret
    assert loaded.model_dump_json(context={REVEAL: False}) == loaded.model_dump_json()


# Filters, digests, quiet hours


ZONE = "allowed: text (of the IANA time zone database, such as Europe/Kyiv)"
TIME = "has the wrong form; allowed: text (hours and minutes, such as 07:30)"
SOURCES = "allowed: 1, 2, 3, 4, 5, 10, 25"
NIGHT = "start: '22:00', end: '07:00'"


@pytest.mark.parametrize(
    ("written", "problem"),
    [
        ("timezone: Europe/Kiyv", f"timezone: 'Europe/Kiyv' is not known, did you mean `Europe/Kyiv`?; {ZONE}"),
        ("timezone: Seoul", f"timezone: 'Seoul' is not known, did you mean `Asia/Seoul`?; {ZONE}"),
        ("timezone: ../../etc/passwd", f"timezone: '../../etc/passwd' is not known; {ZONE}"),
        ("timezone: Europe", "timezone: 'Europe' is not known"),
        ("timezone: 2", f"timezone: is read as a number; put it in quotes if it is text; {ZONE}"),
        ("digest: {at: ['7:30']}", f"digest.at[0]: {TIME}"),
        ("digest: {at: ['24:00']}", f"digest.at[0]: {TIME}"),
        ("digest: {at: []}", "digest.at: has too few items; allowed: list, at least 1 of them"),
        ("digest: {days: [mon]}", "digest.at: is missing; allowed: list, at least 1 of them"),
        ("digest: {at: ['07:00'], days: [monday]}", "digest.days[0]: 'monday' is not allowed, did you mean `mon`?"),
        ("digest: daily", "digest: is not a mapping"),
        ("quiet: {start: '22:00'}", "quiet.end: is missing; allowed: text (hours and minutes, such as 07:30)"),
        ("quiet: {start: '22:00', end: '7'}", f"quiet.end: {TIME}"),
        (f"quiet: {{{NIGHT}, unless: grave}}", "quiet.unless: 'grave' is not allowed; allowed: low, medium, high, "),
        (f"quiet: {{from: '22:00', {NIGHT}}}", "quiet.from: unknown field; allowed: start, end, days, unless"),
        ("min_independent_sources: 7", f"min_independent_sources: no such number is announced; {SOURCES}"),
        (
            "min_independent_sources: two",
            "min_independent_sources: should be a valid integer",
        ),
        ("event_types: capture", "event_types: is not a list"),
        ("endpoints: maybe", "endpoints: should be a valid boolean; allowed: true or false"),
        (
            "per_minute: 0",
            "per_minute: should be greater than or equal to 1; allowed: whole number, at least 1",
        ),
    ],
)
def test_a_mistake_is_told_with_what_is_allowed(tmp_path: Path, written: str, problem: str) -> None:
    path = tmp_path / "subscriptions.yaml"
    path.write_text(f"subscriptions:\n  - id: desk\n    channel: {{type: journal, path: a}}\n    {written}\n")
    assert problem_of(path, {}).startswith(f"4: subscriptions[0].{problem}")


@pytest.mark.parametrize("many", REACHABLE)
def test_each_number_of_sources_that_is_announced_may_be_wanted(many: int) -> None:
    assert subscription(min_independent_sources=many).min_independent_sources == many
    assert (1, *MILESTONES) == REACHABLE


@pytest.mark.parametrize("zone", ["UTC", "Europe/Kyiv", "Asia/Seoul", "America/Argentina/Buenos_Aires"])
def test_any_time_zone_is_taken(zone: str) -> None:
    assert subscription(timezone=zone, digest={"at": ["00:00", "23:59"]}).timezone == zone
