"""What the console of `tocsin up` says of deliveries."""

import pytest

from services.cli.subscriptions.events import EVENTS, delivery_line
from shared.models.endpoint import EndpointStatus

CLOCK = "12:00:00"


def said(event: str, **fields: object) -> str | None:
    line = delivery_line({"event": event, "subscription": "desk", **fields}, CLOCK)
    return line.plain if line else None


@pytest.mark.parametrize(
    ("status", "fields", "line"),
    [
        ("failing", {"reason": "failed", "detail": "HTTP 500"}, "! desk: failing (failed): HTTP 500"),
        ("open", {"failures": 5, "detail": "HTTP 500"}, "! desk: 5 failures in a row: HTTP 500; tried again at "),
        ("disabled", {"reason": "no_success", "detail": ""}, "✗ desk: disabled (no success); everything is kept"),
        ("active", {"reason": "recovered", "detail": ""}, "✓ desk: active again (recovered)"),
    ],
)
def test_how_an_endpoint_is_doing_is_one_line(status: str, fields: dict[str, object], line: str) -> None:
    text = said(f"endpoint.{status}", **{"resume_at": "2025-02-03T12:00:30+00:00", "reason": "x", **fields})
    assert text is not None
    assert text.startswith(f"{CLOCK}  {line}")


def test_no_state_of_an_endpoint_is_without_a_line() -> None:
    states = [f"endpoint.{status.value}" for status in EndpointStatus]
    assert {*states} <= EVENTS
    assert all(said(each, reason="x") for each in states)


def test_what_is_not_delivered_says_whether_it_is_tried_again() -> None:
    failed = {"outcome": "timeout", "detail": "no answer"}
    again = said("alert.not_delivered", **failed, next_at="2025-02-03T12:00:30+00:00")
    assert again == "12:00:00  ! not delivered to desk: no answer; it will be tried again"
    assert said("alert.not_delivered", outcome="gone") == "12:00:00  ! not delivered to desk: gone; it is given up"


def test_what_tells_of_no_single_story_has_a_line_and_a_story_is_shown_elsewhere() -> None:
    assert said("alert.delivered", type="story.digest") == "12:00:00  → desk: story.digest"
    assert said("alert.delivered", type="story.alert.created") is None
