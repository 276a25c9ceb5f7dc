"""What a person is told: headlines, lines, addresses, and cuts that break nothing."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.notifier.channels.cutting import MAX_LEFT, fitted, units, whole_lines
from services.notifier.channels.telling import TRUNCATED_NOTE, http_url, line, plain, telling
from services.notifier.plan import Send
from services.notifier.render import digest_payload, endpoint_payload, sample_payload, story_payload
from shared.models.endpoint import EndpointState
from shared.models.story import AlertType
from shared.models.subscription import MessageType
from tests.contract.payloads import article, payload, snapshot
from tests.factories import NOON, delivery, evidence, story
from tests.factories import article as article_of_story


@pytest.mark.parametrize(
    ("kind", "headline", "tone", "subject"),
    [
        (MessageType.CREATED, "New: They left", "high", "story-st_1"),
        (MessageType.UPDATED, "Update: They left", "high", "story-st_1"),
        (MessageType.MERGED, "Merged: They left", "high", "story-st_1"),
        (MessageType.RETRACTED, "Retracted: They left", "high", "story-st_1"),
        (MessageType.TEST, "Test: They left", "high", "story-st_1"),
        (MessageType.DIGEST, "Digest: 2 stories since 2025-02-02 12:00 UTC", "high", "digest-desk"),
        (MessageType.FAILING, "Deliveries to newsroom are failing", "medium", "endpoint-newsroom"),
        (MessageType.DISABLED, "Deliveries to newsroom have stopped", "high", "endpoint-newsroom"),
        (MessageType.RECOVERED, "Deliveries to newsroom go on again", "good", "endpoint-newsroom"),
    ],
)
def test_a_headline_says_what_kind_of_news_it_is(kind: MessageType, headline: str, tone: str, subject: str) -> None:
    told = telling(payload(kind, title="They left"))
    assert (told.headline, told.tone, told.subject) == (headline, tone, subject)


def test_an_endpoint_is_told_with_why_since_when_and_what_waits() -> None:
    (passage,) = telling(payload(MessageType.FAILING, reason="no_answer", failures=1)).passages
    assert passage.why == "no answer: no complete answer within 15 s"
    assert passage.facts == (
        "since 2025-02-02 12:00 UTC", "1 failure in a row", "3 messages waiting", "last answer: timeout",
    )  # fmt: skip


def test_a_digest_tells_each_story_briefly_and_that_there_are_more() -> None:
    stories = [snapshot(title="One", claims=[], summary=""), snapshot(title="Two", claims=[], summary="")]
    told = telling(payload(MessageType.DIGEST, stories=stories, stories_truncated=True))
    assert [passage.title for passage in told.passages] == ["One", "Two"]
    assert plain(told).split("\n\n")[0] == TRUNCATED_NOTE
    assert plain(told).split("\n\n")[1].splitlines()[:4] == [
        "■ One", "deployed 10,000 → 12,000", "– Example News: They have left", "https://news.example/1",
    ]  # fmt: skip


def test_of_a_message_that_was_cut_down_the_leading_article_is_still_told() -> None:
    (passage,) = telling(payload(articles=[], lead_article=article(title="The first", withdrawn="gone"))).passages
    assert [link.text for link in passage.links] == ["Example News: The first (withdrawn)"]


def test_no_more_than_five_articles_are_told() -> None:
    (passage,) = telling(payload(articles=[article(title=str(number)) for number in range(9)])).passages
    assert len(passage.links) == 5


def test_what_is_missing_is_not_told() -> None:
    told = telling({"type": "story.alert.created", "data": None})
    assert (told.headline, told.at, told.passages[0].facts) == ("New: (without a title)", None, ())


@pytest.mark.parametrize(
    ("written", "told"),
    [
        ("a\r\nBcc: b\u2028c\x85d", "a Bcc: b c d"),
        ("\x00a\x1b[31m\x7f", "a[31m"),
        ("\u202egnp.exe\u2066", "gnp.exe"),
        ("👩\u200d🚒 שלום\u200f", "👩\u200d🚒 שלום\u200f"),
        ("half a \ud83d pair", "half a ? pair"),
        (7, ""),
        (None, ""),
    ],
)
def test_a_line_is_one_without_anything_that_acts(written: object, told: str) -> None:
    assert line(written) == told


@pytest.mark.parametrize(
    ("written", "told"),
    [
        ("https://news.example/a?b=c&d=%20#e", "https://news.example/a?b=c&d=%20#e"),
        ("https://новини.example/стаття", "https://новини.example/стаття"),
        ('http://news.example/a b\r\n|<">(c)`\\', "http://news.example/a%20b%0D%0A%7C%3C%22%3E%28c%29%60%5C"),
        ("javascript:alert(1)", None),
        ("/v1/stories/st_1", None),
        ("https://", None),
        ("https://[::1", None),
        ("https://bank.example@evil.example/", None),
        ("https://news.example/" + "x" * 2000, None),
        ("https://news.example/" + " " * 1000, None),
        ("https://news.example/\ud83d", None),
        (7, None),
    ],
)
def test_an_address_can_be_followed_and_stands_between_any_brackets_or_is_not_told(
    written: object, told: str | None
) -> None:
    assert http_url(written) == told


def doubled(text: str) -> str:
    return text.replace("&", "&amp;")


@given(st.text("a&🚨 ж\u200d", max_size=80), st.integers(1, 60))
def test_what_is_cut_fits_and_is_a_whole_beginning(text: str, most: int) -> None:
    cut = fitted(text, most, doubled)
    assert units(cut) <= most
    kept = cut.removesuffix("…")
    assert doubled(text).startswith(kept)
    assert (cut == kept) == (units(doubled(text)) <= most)
    assert kept == doubled(kept.replace("&amp;", "&"))


@given(st.lists(st.text("aж🚨", min_size=1, max_size=30), max_size=12), st.integers(MAX_LEFT, 120))
def test_lines_are_told_whole_or_counted(lines: list[str], most: int) -> None:
    told = whole_lines(lines, most)
    assert units(told) <= most
    *kept, last = told.split("\n")
    left = int(last.split()[1]) if last.startswith("…") else 0
    shown = kept if left else [*kept, last] if last else []
    assert len(shown) + left == len(lines)
    assert set(shown) <= set(lines)


def shape(value: object) -> object:
    """The names in a piece of JSON."""
    if isinstance(value, dict):
        return {name: shape(part) for name, part in value.items()}
    return [shape(part) for part in value[:1]] if isinstance(value, list) else None


def test_the_payloads_of_these_tests_are_as_the_notifier_renders_them() -> None:
    send, nobody = Send(AlertType.UPDATED, "figure_changed", "deployed 10,000 → 12,000"), delivery()
    told = story(articles=(article_of_story(evidence=(evidence(),)),))
    state, daily = EndpointState(down_since=NOON), delivery(subject="digest", sent_at=NOON)
    assert shape(payload(claims=[])) == shape(story_payload(told, nobody, send, NOON))
    assert shape(payload(MessageType.TEST, claims=[])) == shape(sample_payload(told, NOON))
    assert shape(payload(MessageType.DIGEST, stories=[snapshot(claims=[], articles=[article()])])) == shape(
        digest_payload(daily, [(told, nobody, send)], NOON)[0]
    )
    assert shape(payload(MessageType.FAILING)) == shape(endpoint_payload("desk", MessageType.FAILING, state, 1, NOON))
