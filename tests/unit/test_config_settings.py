import re
from ipaddress import ip_network
from pathlib import Path

import pytest
from pydantic import ValidationError

from shared.errors import ConfigError
from shared.settings import Settings, load_settings, variable


def problems(**env: str) -> tuple[str, ...]:
    with pytest.raises(ConfigError) as caught:
        load_settings({f"TOCSIN_{name}": value for name, value in env.items()})
    return caught.value.problems


def test_without_an_environment_every_setting_has_its_default() -> None:
    settings = load_settings({})
    assert settings == Settings()
    assert (settings.redis_url, settings.poll_interval_seconds, settings.batch_size) == (None, 300.0, 50)


def test_the_defaults_keep_their_own_bounds() -> None:
    given = Settings().model_dump(exclude_none=True)
    assert Settings.model_validate(given) == Settings()


def test_a_setting_is_read_from_its_variable_and_an_empty_one_is_unset() -> None:
    env = {"TOCSIN_POLL_INTERVAL_SECONDS": " 5 ", "TOCSIN_DATA_DIR": "/var/lib/tocsin", "TOCSIN_POLL_JITTER": ""}
    settings = load_settings(env)
    assert (settings.poll_interval_seconds, settings.data_dir) == (5.0, Path("/var/lib/tocsin"))
    assert settings.poll_jitter == 0.1


def test_the_process_environment_is_not_read_behind_the_callers_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOCSIN_BATCH_SIZE", "7")
    assert (load_settings({}).batch_size, Settings().batch_size) == (50, 50)


def test_other_variables_are_none_of_our_business() -> None:
    assert load_settings({"HOME": "/", "TOCSIN_WEBHOOK_SECRET": "x", "BATCH_SIZE": "7"}) == Settings()


def test_networks_are_comma_separated() -> None:
    settings = load_settings({"TOCSIN_ALLOW_NETWORKS": "127.0.0.0/8, ::1/128,"})
    assert settings.allow_networks == (ip_network("127.0.0.0/8"), ip_network("::1/128"))


def test_checks_are_comma_separated_or_never() -> None:
    assert load_settings({}).page_checks_seconds == (3600.0, 21_600.0, 86_400.0)
    assert load_settings({"TOCSIN_PAGE_CHECKS_SECONDS": "60, 3600"}).page_checks_seconds == (60.0, 3600.0)
    assert load_settings({"TOCSIN_PAGE_CHECKS_SECONDS": "never"}).page_checks_seconds == ()


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("PAGE_CHECKS_SECONDS", "60,30", "each must come later than the one before; allowed: text (how long after"),
        ("POLL_JITTER", "1.5", "should be less than 1; allowed: number, at least 0, less than 1 ("),
        ("POLL_INTERVAL_SECONDS", "inf", "should be a finite number; allowed: number, more than 0 ("),
        ("BATCH_SIZE", "1.5", "should be a valid integer, unable to parse string as an integer; allowed: whole number"),
        ("GATEWAY_PORT", "65536", "should be less than or equal to 65535; allowed: whole number, at least 0, at most"),
        ("LOG_LEVEL", "loud", "should be 'debug', 'info', 'warning' or 'error'; allowed: debug, info, warning, error"),
        ("ALLOW_NETWORKS", "10.0.0.1/8", "10.0.0.1/8 has host bits set; allowed: text (private networks"),
    ],
)
def test_a_wrong_value_is_told_with_its_variable_and_what_is_allowed(name: str, value: str, told: str) -> None:
    (problem,) = problems(**{name: value})
    assert problem.startswith(f"TOCSIN_{name}={value!r}: {told}")


def test_every_wrong_value_is_told_at_once() -> None:
    assert len(problems(POLL_JITTER="x", BATCH_SIZE="0", LOG_FORMAT="xml")) == 3


def test_servers_are_told_who_asks_and_how_to_reach_us() -> None:
    assert re.fullmatch(r"Tocsin/[\d.]+ \(\+https://\S+; \S+@\S+\)", load_settings({}).user_agent)


def test_a_user_agent_cannot_smuggle_a_header() -> None:
    (problem,) = problems(USER_AGENT="a\r\nX-Evil: 1")
    assert problem.startswith("TOCSIN_USER_AGENT=")


def test_a_password_is_never_shown() -> None:
    url = "postgres://:hunter2@h"
    assert "hunter2" not in problems(REDIS_URL=url)[0]
    assert "hunter2" not in repr(load_settings({"TOCSIN_REDIS_URL": url.replace("postgres", "redis")}))


def test_settings_do_not_change() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        setattr(Settings(), "batch_size", 7)  # noqa: B010  # as an assignment, mypy would refuse it


def test_a_variable_is_the_name_in_capitals() -> None:
    assert variable("poll_jitter") == "TOCSIN_POLL_JITTER"
