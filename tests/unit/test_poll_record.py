"""A line of a feed's history, and how it is stored."""

from datetime import UTC, datetime

from shared.models.feed import PollRecord

AT = datetime(2026, 2, 3, 4, 5, 6, 789000, UTC)
RECORD = PollRecord(
    at=AT, outcome="timeout", detail='“müde” "host": no', new=3, seconds=30.1, next_after=60, next_reason="backoff"
)


def test_a_poll_comes_back_from_its_row() -> None:
    assert PollRecord.model_validate_json(RECORD.row) == RECORD


def test_a_row_names_no_fields() -> None:
    assert RECORD.row == '[1770091506.789,"timeout","“müde” \\"host\\": no",3,30.1,60.0,"backoff"]'


def test_an_object_is_read_as_well() -> None:
    assert PollRecord.model_validate_json(RECORD.model_dump_json()) == RECORD
