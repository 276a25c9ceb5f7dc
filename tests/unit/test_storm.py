"""Whether the trouble is the network's and not the feeds'."""

from services.poller.storm import AT_LEAST, WINDOW_SECONDS, Storm
from shared.models.feed import Outcome


def test_half_of_a_minutes_polls_without_network_are_a_storm() -> None:
    storm = Storm()
    for second in range(AT_LEAST):
        storm.note(Outcome.UNCHANGED, second)
    blown = [storm.note(Outcome.DNS_ERROR, 10 + second) for second in range(AT_LEAST)]
    assert blown == [False] * (AT_LEAST - 1) + [True]


def test_a_few_polls_are_no_storm() -> None:
    storm = Storm()
    assert not any(storm.note(Outcome.CONNECT_ERROR, second) for second in range(AT_LEAST - 1))


def test_a_server_that_answers_with_an_error_is_no_sign_of_a_storm() -> None:
    storm = Storm()
    assert not any(storm.note(Outcome.SERVER_ERROR, second) for second in range(3 * AT_LEAST))


def test_a_success_in_a_storm_counts_as_one() -> None:
    storm = Storm()
    for second in range(2 * AT_LEAST):
        storm.note(Outcome.DNS_ERROR, second)
    assert storm.rages()
    assert not storm.note(Outcome.NEW, 2 * AT_LEAST)


def test_a_storm_passes_with_its_minute() -> None:
    storm = Storm()
    for second in range(2 * AT_LEAST):
        storm.note(Outcome.DNS_ERROR, second)
    storm.note(Outcome.NEW, 2 * AT_LEAST + WINDOW_SECONDS + 1)
    assert not storm.rages()
