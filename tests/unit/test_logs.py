"""What a process logs, read from its standard error: one line an event, and no secret in any of them."""

import json
import logging
from threading import Thread

import pytest
import structlog
from pydantic import SecretStr

from shared.logs import LogFormat, configure_logs, get_logger
from tests.factories import SECRET, subscription

KEY = SECRET.removeprefix("whsec_")


pytestmark = pytest.mark.usefixtures("logs_as_before")


def log_everything(style: LogFormat, level: str = "info") -> structlog.typing.FilteringBoundLogger:
    """Set up as a process is. The logger is made anew, for the usual ones remember their first setting."""
    configure_logs("poller", level=level, style=style)
    return structlog.get_logger()  # type: ignore[no-any-return]


def test_an_event_is_one_json_line_with_its_service_level_and_time(capsys: pytest.CaptureFixture[str]) -> None:
    log_everything("json").info("feed.polled", feed="Новини", new=3)
    (line,) = capsys.readouterr().err.splitlines()
    event = json.loads(line)
    assert event.pop("timestamp").endswith("Z")
    assert event == {"event": "feed.polled", "feed": "Новини", "new": 3, "level": "info", "service": "poller"}
    assert "Новини" in line


def test_a_terminal_is_for_people_and_anything_else_for_machines(capsys: pytest.CaptureFixture[str]) -> None:
    log_everything("auto").info("started")
    json.loads(capsys.readouterr().err)
    log_everything("console").info("started")
    with pytest.raises(ValueError, match="Expecting value"):
        json.loads(capsys.readouterr().err)


def test_what_is_below_the_level_is_not_logged(capsys: pytest.CaptureFixture[str]) -> None:
    log = log_everything("json", "warning")
    log.info("quiet")
    log.warning("loud")
    assert [json.loads(line)["event"] for line in capsys.readouterr().err.splitlines()] == ["loud"]


def test_the_libraries_warnings_are_logged_in_the_same_form(capsys: pytest.CaptureFixture[str]) -> None:
    log_everything("json", "debug")
    logging.getLogger("aiohttp.client").info("chatter")
    logging.getLogger("aiohttp.client").warning("trouble at redis://:hunter2@redis/0")
    event = json.loads(capsys.readouterr().err)
    assert (event["event"], event["level"]) == ("trouble at redis://[hidden]@redis/0", "warning")


def test_a_line_of_another_thread_names_its_service_too(capsys: pytest.CaptureFixture[str]) -> None:
    log = log_everything("json")
    thread = Thread(target=log.warning, args=["redis.unavailable"])
    thread.start()
    thread.join()
    assert json.loads(capsys.readouterr().err)["service"] == "poller"


SECRETS: dict[str, dict[str, object]] = {
    "a webhook key": {"detail": f"signed with {SECRET}"},
    "a field's name": {"webhook_secret": KEY},
    "a header": {"headers": {"Authorization": f"Bearer {KEY}"}},
    "a header among many": {"requests": [{"webhook-signature": f"v1,{KEY}"}]},
    "a list": {"problems": [f"subscriptions.yaml:3: secret: {SECRET} is too short"]},
    "a tuple in a mapping": {"answer": {"tried": (SECRET,)}},
    "bytes": {"body": f"key={SECRET}".encode()},
    "a model's secret": {"value": SecretStr(KEY)},
    "a model": {"subscription": subscription()},
    "an error": {"error": ValueError(f"no such key: {SECRET}")},
    "an address": {"url": f"redis://user:{KEY}@redis:6379/0"},
    "an address without a user": {"url": f"redis://:{KEY}@redis:6379/0"},
    "an address with a token": {"url": f"https://{KEY}@feeds.example/rss"},
    "a password with an at sign": {"url": f"redis://:p@{KEY}@redis/0"},
}


@pytest.mark.parametrize("style", ["json", "console"])
@pytest.mark.parametrize("case", SECRETS)
def test_a_secret_is_never_logged(case: str, style: LogFormat, capsys: pytest.CaptureFixture[str]) -> None:
    log_everything(style).warning("trouble", **SECRETS[case])
    logged = capsys.readouterr().err
    assert "trouble" in logged
    assert KEY not in logged


@pytest.mark.parametrize("style", ["json", "console"])
def test_a_traceback_keeps_its_story_and_loses_its_secret(style: LogFormat, capsys: pytest.CaptureFixture[str]) -> None:
    log = log_everything(style)
    try:
        raise ConnectionError(f"cannot reach redis://:{KEY}@redis/0")
    except ConnectionError:
        log.exception("redis.lost")
    logged = capsys.readouterr().err
    assert "Traceback" in logged
    assert "ConnectionError" in logged
    assert KEY not in logged


def test_an_ordinary_address_is_logged_whole(capsys: pytest.CaptureFixture[str]) -> None:
    urls = ["https://news.example/@desk/1", "https://news.example/?mail=desk@news.example", "mail desk@news.example"]
    log_everything("json").info("read", urls=urls)
    assert json.loads(capsys.readouterr().err)["urls"] == urls


def test_the_event_handed_over_is_not_changed(capsys: pytest.CaptureFixture[str]) -> None:
    headers = {"Authorization": "Bearer x"}
    log_everything("json").info("sent", headers=headers)
    assert headers == {"Authorization": "Bearer x"}
    assert "Bearer" not in capsys.readouterr().err


def test_the_loggers_of_our_modules_log_as_set_up(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logs("notifier", style="json")
    get_logger().info("hello")
    assert json.loads(capsys.readouterr().err)["service"] == "notifier"
