import re
from base64 import b64encode
from collections.abc import Mapping
from pathlib import Path

import pytest
from standardwebhooks import Webhook

from shared.config.subscriptions import is_webhook_secret, load_subscriptions
from shared.errors import ConfigError
from shared.models.subscription import WebhookChannel
from tests.factories import NOON

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


def test_the_commented_webhook_of_a_new_installation_works_once_uncommented(tmp_path: Path) -> None:
    seed = (ROOT / "seeds/subscriptions.yaml").read_text()
    head, mark, example = seed.partition("  # - id: newsroom")
    path = tmp_path / "subscriptions.yaml"
    path.write_text(head + re.sub(r"^  # ", "  ", mark + example, flags=re.MULTILINE))
    _, newsroom = load_subscriptions(path, {"TOCSIN_WEBHOOK_SECRET": whsec(32)})
    assert newsroom.topics == ("dprk-kursk",)
