"""What the answers of webhooks, Slack and Discord mean, over real sockets."""

import base64
import json
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from pydantic import SecretStr
from standardwebhooks import Webhook

from services.notifier.channels import CHANNELS, Means
from services.notifier.channels.base import Sent
from shared.errors import ConfigError
from shared.models.subscription import Channel, DiscordChannel, MessageType, SlackChannel
from tests.contract.payloads import article, payload, snapshot
from tests.factories import SECRET, envelope, webhook
from tests.servers import Answer, loopback_client, serving

OTHER = "whsec_" + base64.b64encode(b"another secret of 24 byte").decode()


def channel(kind: str, url: str) -> Channel:
    if kind == "webhook":
        return webhook(url)
    return SlackChannel(url=SecretStr(url)) if kind == "slack" else DiscordChannel(url=SecretStr(url))


async def answered(kind: str, answer: Answer) -> Sent:
    async with serving() as server, loopback_client(total_seconds=5, max_redirects=0) as http:
        server.answers(answer)
        sent = await CHANNELS[kind](channel(kind, server.url()), Means(http)).send(envelope(), [SECRET])
        assert len(server.requests) == 1
        return sent


def wishes(wish: str, status: int) -> Answer:
    return Answer(status, headers={"webhook-delivery": wish})


ANSWERS = [
    ("webhook", Answer(200), Sent("delivered", ok=True, detail="HTTP 200")),
    ("webhook", Answer(410), Sent("gone", ok=False, gone=True, detail="HTTP 410")),
    ("webhook", Answer(413), Sent("too_large", ok=False, too_large=True, detail="HTTP 413")),
    ("webhook", Answer(404), Sent("client_error", ok=False, detail="HTTP 404")),
    ("webhook", Answer(307, headers={"Location": "/"}), Sent("redirect", ok=False, detail="HTTP 307")),
    (
        "webhook",
        Answer(503, headers={"Retry-After": "9"}),
        Sent("server_error", ok=False, retry_after=9, detail="HTTP 503"),
    ),
    ("webhook", Answer(500, headers={"Retry-After": "9"}), Sent("server_error", ok=False, detail="HTTP 500")),
    ("webhook", Answer(301, headers={"Retry-After": "9"}), Sent("redirect", ok=False, detail="HTTP 301")),
    (
        "webhook",
        wishes("disable", 204),
        Sent("disabled_by_receiver", ok=True, gone=True, detail="HTTP 204, disable"),
    ),
    (
        "webhook",
        wishes("Disable", 500),
        Sent("disabled_by_receiver", ok=False, gone=True, detail="HTTP 500, disable"),
    ),
    ("webhook", wishes("abort-message", 500), Sent("aborted", ok=False, final=True, detail="HTTP 500, abort-message")),
    ("webhook", wishes("abort-message", 204), Sent("delivered", ok=True, detail="HTTP 204")),
    ("webhook", wishes("later", 500), Sent("server_error", ok=False, detail="HTTP 500")),
    ("slack", Answer(200, b"ok"), Sent("delivered", ok=True, detail="HTTP 200")),
    ("slack", Answer(404, b"no_service"), Sent("client_error", ok=False, gone=True, detail="HTTP 404: no_service")),
    (
        "slack",
        Answer(404, b"channel_not_found"),
        Sent("client_error", ok=False, gone=True, detail="HTTP 404: channel_not_found"),
    ),
    (
        "slack",
        Answer(410, b"channel_is_archived"),
        Sent("gone", ok=False, gone=True, detail="HTTP 410: channel_is_archived"),
    ),
    (
        "slack",
        Answer(403, b"action_prohibited"),
        Sent("client_error", ok=False, detail="HTTP 403: action_prohibited"),
    ),
    (
        "slack",
        Answer(400, b"invalid_payload"),
        Sent("client_error", ok=False, final=True, detail="HTTP 400: invalid_payload"),
    ),
    ("slack", Answer(404, b"<html>no service</html>"), Sent("client_error", ok=False, detail="HTTP 404")),
    ("slack", Answer(500, b"/services/T0/B0/x"), Sent("server_error", ok=False, detail="HTTP 500")),
    (
        "slack",
        Answer(429, b"rate_limited", {"Retry-After": "30"}),
        Sent("throttled", ok=False, retry_after=30, detail="HTTP 429: rate_limited"),
    ),
    (
        "discord",
        Answer(404, b'{"message": "Unknown Webhook", "code": 10015}'),
        Sent("client_error", ok=False, gone=True, detail="HTTP 404: code 10015"),
    ),
    (
        "discord",
        Answer(401, b'{"message": "Invalid Webhook Token", "code": 50027}'),
        Sent("client_error", ok=False, gone=True, detail="HTTP 401: code 50027"),
    ),
    ("discord", Answer(404, b"not found"), Sent("client_error", ok=False, detail="HTTP 404")),
    ("discord", Answer(404, b'{"code": 0}'), Sent("client_error", ok=False, detail="HTTP 404")),
    (
        "discord",
        Answer(400, b'{"code": 50035}'),
        Sent("client_error", ok=False, final=True, detail="HTTP 400: code 50035"),
    ),
    (
        "discord",
        Answer(429, b'{"retry_after": 0.65, "global": false}', {"Retry-After": "1"}),
        Sent("throttled", ok=False, retry_after=0.65, detail="HTTP 429"),
    ),
    *(
        (
            "discord",
            Answer(429, body, {"Retry-After": "2"}),
            Sent("throttled", ok=False, retry_after=2, detail="HTTP 429"),
        )
        for body in (b"", b"[]", b'{"retry_after": NaN}', b'{"retry_after": -1}', b'{"retry_after": "soon"}', b"\xff")
    ),
]


@pytest.mark.parametrize(("kind", "answer", "meant"), ANSWERS)
async def test_an_answer_means_what_the_service_says(kind: str, answer: Answer, meant: Sent) -> None:
    assert await answered(kind, answer) == meant


async def test_a_date_in_retry_after_counts_as_well() -> None:
    at = format_datetime(datetime.now(UTC) + timedelta(seconds=100), usegmt=True)
    sent = await answered("webhook", Answer(429, headers={"Retry-After": at}))
    assert sent.retry_after is not None
    assert 60 < sent.retry_after <= 100


async def test_all_secrets_that_hold_sign() -> None:
    async with serving() as server, loopback_client() as http:
        sender = CHANNELS["webhook"](webhook(server.url()), Means(http))
        await sender.send(envelope(body=sender.write(payload())), [SECRET, OTHER])
        (request,) = server.requests
        assert len(request.headers["webhook-signature"].split()) == 2
        for secret in (SECRET, OTHER):
            assert Webhook(secret).verify(request.body, dict(request.headers)) == payload()


@pytest.mark.parametrize("kind", ["webhook", "slack", "discord"])
async def test_where_nobody_listens_nothing_was_taken(kind: str, unused_tcp_port: int) -> None:
    async with loopback_client() as http:
        sender = CHANNELS[kind](channel(kind, f"http://127.0.0.1:{unused_tcp_port}"), Means(http))
        sent = await sender.send(envelope(), [SECRET])
    assert (sent.outcome, sent.ok, sent.known) == ("connect_error", False, True)


@pytest.mark.parametrize("kind", ["slack", "discord"])
@pytest.mark.parametrize(
    "url", ["xoxb-secret", "T000/B000/secret", "ftp://secret.example/", "https://u:secret@x.example"]
)
def test_an_address_that_is_none_is_refused_without_showing_it(kind: str, url: str) -> None:
    with pytest.raises(ConfigError) as refused:
        CHANNELS[kind](channel(kind, url), Means(loopback_client()))
    assert "channel.url" in str(refused.value)
    assert "secret" not in str(refused.value)


def written(kind: str, told: dict[str, object]) -> dict[str, object]:
    sender = CHANNELS[kind](channel(kind, "https://services.example/x"), Means(loopback_client()))
    found = json.loads(sender.write(told))
    assert isinstance(found, dict)
    return found


def test_slack_is_told_a_header_why_claims_articles_and_facts() -> None:
    link = "<https://news.example/1|Example News: They have left>"
    assert written("slack", payload(title="They left & <b>")) == {
        "text": "Update: They left &amp; &lt;b&gt;",
        "blocks": [
            {"type": "header", "text": {"type": "plain_text", "text": "Update: They left &amp; &lt;b&gt;"}},
            section("*deployed 10,000 → 12,000*\nNobody has seen them for three weeks."),
            section("• deployed: about 12,000 people, Kursk (Ukraine, claimed)"),
            section(f"• {link}"),
            {
                "type": "context",
                "elements": [
                    mrkdwn(
                        "high severity · confirmed · 2 independent sources · 4 articles · 3 of them new · 2 languages"
                        " · 2025-02-03 12:01 UTC · matched: North Korean, Kursk"
                    ),
                    mrkdwn("<https://tocsin.example/stories/st_1|the whole story>"),
                ],
            },
        ],
        "unfurl_links": False,
        "unfurl_media": False,
    }


def section(text: str) -> dict[str, object]:
    return {"type": "section", "text": mrkdwn(text)}


def mrkdwn(text: str) -> dict[str, object]:
    return {"type": "mrkdwn", "text": text, "verbatim": True}


def test_discord_is_told_an_embed_that_rings_for_nobody() -> None:
    told = payload(title="They *left*", articles=[article(url="https://news.example/a_(b)")], claims=[])
    assert written("discord", told) == {
        "embeds": [
            {
                "title": r"Update: They \*left\*",
                "description": "**deployed 10,000 → 12,000**\nNobody has seen them for three weeks.\n"
                "• [Example News: They have left](https://news.example/a_%28b%29)\n"
                "[the whole story](https://tocsin.example/stories/st_1)",
                "color": 0xE67E22,
                "footer": {
                    "text": "high severity · confirmed · 2 independent sources · 4 articles · 3 of them new"
                    " · 2 languages · 2025-02-03 12:01 UTC · matched: North Korean, Kursk"
                },
                "timestamp": "2025-02-03T12:02:00+00:00",
            }
        ],
        "allowed_mentions": {"parse": []},
    }


def test_a_digest_has_a_line_for_each_story_and_says_how_many_are_left_out() -> None:
    many = [snapshot(title=f"Story {number}") for number in range(80)]
    blocks = written("slack", payload(MessageType.DIGEST, stories=many))["blocks"]
    assert isinstance(blocks, list)
    assert len(blocks) == 50
    assert "Story 47" in str(blocks[48])
    assert blocks[49] == {"type": "context", "elements": [mrkdwn("and 32 more")]}
    embeds = written("discord", payload(MessageType.DIGEST, stories=many))["embeds"]
    told = str(embeds).count("Story ")
    assert f"… {80 - told} more" in str(embeds)
