"""What every channel keeps: one test run over all of them, each against a real server of its kind."""

import logging
import re
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.notifier.channels import CHANNELS
from shared.models.subscription import Envelope, MessageType
from tests.contract.payloads import TITLE, article, payload, snapshot
from tests.contract.stations import STATIONS, Station, idle_senders
from tests.factories import SECRET

HUMAN = {"slack", "discord", "email", "apprise"}
# Without the zero-width spaces and backslashes that keep a text from being more than that.
_KEPT_APART = re.compile("[\u200b\\\\]")


def read(text: str) -> str:
    return _KEPT_APART.sub("", text).replace("&amp;", "&").replace("&lt;", "<").replace("&gt;", ">")


@pytest.fixture(params=sorted(CHANNELS))
async def station(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Station]:
    async with STATIONS[request.param](tmp_path) as made:
        yield made


def only(*names: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("station", sorted(names), indirect=True)


def enveloped(station: Station, told: dict[str, object], webhook_id: str = "msg_1") -> Envelope:
    kind = MessageType(str(told["type"]))
    return Envelope(webhook_id=webhook_id, revision=1, type=kind, body=station.sender.write(told))


def test_every_channel_has_a_station() -> None:
    assert set(STATIONS) == set(CHANNELS)


@pytest.mark.parametrize("kind", MessageType)
async def test_each_type_of_message_is_delivered_and_told(station: Station, kind: MessageType) -> None:
    told = payload(kind)
    envelope = enveloped(station, told)
    sent = await station.sender.send(envelope, [SECRET])
    assert (sent.outcome, sent.ok, sent.known, sent.final, sent.gone) == ("delivered", True, True, False, False)
    (seen,) = station.seen()
    data = told["data"]
    assert isinstance(data, dict)
    words = [data["endpoint"], data["detail"]] if kind.startswith("endpoint.") else [TITLE, "deployed 10,000 → 12,000"]
    assert all(str(word) in read(seen) for word in words)
    if station.channel.type in HUMAN:
        assert ("This is a test" in seen) == (kind is MessageType.TEST)
    station.check(envelope.body)


async def test_the_same_payload_and_the_same_envelope_are_the_same_bytes(station: Station) -> None:
    envelope = enveloped(station, payload())
    assert envelope.body == station.sender.write(payload())
    await station.sender.send(envelope, [SECRET])
    await station.sender.send(envelope, [SECRET])
    first, *others = station.arrived()
    if station.channel.type == "journal":
        assert others == []
    else:
        assert [first] == others


async def test_a_failure_is_told_never_raised_and_known_only_where_the_receiver_has_said_so(station: Station) -> None:
    for way, fail in station.fails.items():
        fail()
        sent = await station.sender.send(enveloped(station, payload()), [SECRET])
        assert not sent.ok, way
        assert sent.outcome not in ("", "delivered"), way
        assert len(sent.detail) < 200, way
        assert sent.known == (way not in ("hangs", "is_lost") and station.channel.type != "apprise"), way


@only(*set(CHANNELS) - {"journal"})
async def test_throttling_is_honoured_and_the_same_envelope_arrives_afterwards(station: Station) -> None:
    envelope = enveloped(station, payload())
    station.fails["throttles"]()
    sent = await station.sender.send(envelope, [SECRET])
    assert (sent.ok, sent.final, sent.gone) == (False, False, False)
    # SMTP has no such word, and Apprise does not repeat it.
    assert sent.retry_after == (None if station.channel.type in ("email", "apprise") else 7)
    station.mends()
    assert (await station.sender.send(envelope, [SECRET])).ok
    assert TITLE in read(station.seen()[-1])


LONG = "Довгий заголовок 🚨 & <b> " * 60
MANY = [article(title=LONG, source=LONG, url=f"https://news.example/{number}?{'x' * 1900}") for number in range(40)]


@only(*HUMAN)  # the others send the payload as it is, which `render` has cut
@pytest.mark.parametrize(
    "told",
    [
        payload(title=LONG, summary=LONG, reason_detail=LONG, articles=MANY, claims=[{"text": LONG}] * 60),
        payload(MessageType.DIGEST, stories=[snapshot(title=LONG, articles=MANY[:4]) for _ in range(60)]),
        payload(MessageType.FAILING, detail=LONG, endpoint=LONG, last_outcome=LONG),
    ],
    ids=["story", "digest", "endpoint"],
)
async def test_what_is_too_long_is_cut_to_what_the_service_takes_and_arrives(
    station: Station, told: dict[str, object]
) -> None:
    envelope = enveloped(station, told)
    station.check(envelope.body)
    assert (await station.sender.send(envelope, [SECRET])).ok
    assert "Довгий заголовок 🚨 &" in read(station.seen()[0])


HOSTILE = (
    "@everyone <!channel> <@U1> [free](https://evil.example) <https://evil.example|bank> <script>alert(1)</script> "
    "**bold** `code` \u202eturned\u2066\r\nBcc: victim@news.example\r\n\r\n.\r\nQUIT\r\n"
)


@only(*HUMAN)
async def test_hostile_text_does_no_harm(station: Station) -> None:
    links = [
        "javascript:alert(1)",
        'https://evil.example/"><script>|x)\r\nBcc: a@b',
        "https://bank.example@evil.example/",
    ]
    articles = [article(title=HOSTILE, source=HOSTILE, url=link) for link in links]
    words = {"title": HOSTILE, "summary": HOSTILE, "reason_detail": HOSTILE, "severity": HOSTILE, "status": HOSTILE}
    hostile = snapshot(**words, story_id=HOSTILE, articles=articles, claims=[{"text": HOSTILE}])
    for told in (
        payload(MessageType.UPDATED, **hostile),
        payload(MessageType.DIGEST, stories=[hostile], subscription=HOSTILE),
    ):
        envelope = enveloped(station, told, "msg_1\r\nBcc: x@y")
        station.check(envelope.body)
        assert (await station.sender.send(envelope, [SECRET])).ok
    for seen in station.seen():
        assert "javascript:" not in seen
        assert "bank.example@" not in seen
        assert "\u202e" not in seen
        assert "everyone" in seen


NASTY = st.text("aЖ한ق🚨👩‍🚒\u202e\u2066\u200d\x00\x1b\r\n\t \\\"'`*_~|<>()[]{}#@!&;:/.-+=%$^,?", max_size=60)
TEXT = NASTY | st.text(max_size=60) | st.integers(0, 400).flatmap(lambda many: NASTY.map(lambda text: text * many))
URL = TEXT | TEXT.map(lambda text: f"https://news.example/{text}")
ARTICLE = st.fixed_dictionaries({"title": TEXT, "source": TEXT, "url": URL | st.none(), "withdrawn": TEXT | st.none()})
STORY = st.fixed_dictionaries(
    {
        **dict.fromkeys(("title", "summary", "reason_detail", "reason", "severity", "status", "story_id"), TEXT),
        "claims": st.lists(st.fixed_dictionaries({"text": TEXT}), max_size=20),
        "articles": st.lists(ARTICLE, max_size=8),
        "relevance": st.fixed_dictionaries({"evidence": st.lists(TEXT, max_size=9)}),
        "links": st.fixed_dictionaries({"story": URL}),
    }
)
OTHER = st.fixed_dictionaries(
    {
        **dict.fromkeys(("endpoint", "status", "reason", "detail", "last_outcome", "since", "subscription"), TEXT),
        "stories": st.lists(STORY, max_size=70),
        "failures": st.integers(),
    }
)
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.floats() | TEXT, lambda of: st.lists(of) | st.dictionaries(TEXT, of)
)
PAYLOAD = st.fixed_dictionaries(
    {
        "type": st.sampled_from(MessageType) | TEXT,
        "timestamp": st.just(str(payload()["timestamp"])),
        "data": STORY | OTHER,
    }
) | st.builds(lambda kind, data: payload(kind) | {"data": data}, st.sampled_from(MessageType), ANYTHING)
IDLE = idle_senders()


@given(PAYLOAD)
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
def test_no_payload_makes_a_message_that_its_service_would_not_take(told: dict[str, object]) -> None:
    for sender, check in IDLE.values():
        body = sender.write(told)
        check(body)
        assert body == sender.write(told)


def test_all_channels_that_are_told_to_people_are_tried_with_any_payload() -> None:
    assert set(IDLE) == HUMAN == set(CHANNELS) - {"webhook", "journal"}


class Kept(logging.Handler):
    """Of all that is logged, the lines; but not those of the server that stands on the other side."""

    def __init__(self) -> None:
        super().__init__(logging.NOTSET)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        if not record.name.startswith(("uvicorn", "mail.")):
            self.lines.append(record.getMessage())


@pytest.fixture
def logged() -> Iterator[list[str]]:
    root, kept = logging.getLogger(), Kept()
    level = root.level
    root.addHandler(kept)
    root.setLevel(logging.NOTSET)
    yield kept.lines
    root.setLevel(level)
    root.removeHandler(kept)


async def test_no_secret_is_told(station: Station, logged: list[str], capfd: pytest.CaptureFixture[str]) -> None:
    told = [repr(station.sender), repr(station.channel), str(station.channel)]
    for fail in (lambda: None, *station.fails.values()):
        fail()
        told.append(repr(await station.sender.send(enveloped(station, payload()), [SECRET])))
    said = "\n".join([*told, *logged, *capfd.readouterr()])
    assert station.secrets or station.channel.type == "journal"
    assert not [secret for secret in station.secrets if secret in said]
