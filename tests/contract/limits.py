"""What each service takes, by its own documentation, and what a text may do there."""

import json
import re
from email import message_from_string, policy
from email.message import EmailMessage
from html.parser import HTMLParser
from typing import Any

Json = dict[str, Any]


def units(text: str) -> int:
    return len(text.encode("utf-16-le")) // 2


def check_slack(body: str) -> Json:
    """https://api.slack.com/reference/block-kit/blocks; nothing but links and escapes may stand in < > and &."""
    message: Json = json.loads(body)
    assert message["text"]
    assert units(message["text"]) <= 40_000
    assert 0 < len(message["blocks"]) <= 50
    for block in message["blocks"]:
        check_block(block)
    for text in (message["text"], *slack_texts(message["blocks"])):
        rest = re.sub(r"<https?://[^<>|\s]+\|[^<>\n]+>", "", text)
        assert not re.search(r"[<>]|&(?!(?:amp|lt|gt);)", rest), text
    return message


def check_block(block: Json) -> None:
    if block["type"] == "header":
        assert block["text"]["type"] == "plain_text"
        assert 0 < units(block["text"]["text"]) <= 150
    elif block["type"] == "section":
        check_mrkdwn(block["text"])
    else:
        assert block["type"] == "context"
        assert 0 < len(block["elements"]) <= 10
        for element in block["elements"]:
            check_mrkdwn(element)


def check_mrkdwn(text: Json) -> None:
    assert text["type"] == "mrkdwn"
    assert text["verbatim"] is True
    assert 0 < units(text["text"]) <= 3000


def slack_texts(blocks: list[Json]) -> list[str]:
    found = [block["text"]["text"] for block in blocks if "text" in block]
    return found + [element["text"] for block in blocks for element in block.get("elements", ())]


def check_discord(body: str) -> Json:
    """https://discord.com/developers/docs/resources/message#embed-object-embed-limits."""
    message: Json = json.loads(body)
    assert message["allowed_mentions"] == {"parse": []}
    assert not {"content"} & set(message)
    (embed,) = message["embeds"]
    fields = embed.get("fields", [])
    sizes = [
        (embed["title"], 256),
        (embed.get("description", "x"), 4096),
        (embed.get("footer", {"text": "x"})["text"], 2048),
        *((field["name"], 256) for field in fields),
        *((field["value"], 1024) for field in fields),
    ]
    assert all(0 < units(text.strip()) <= most for text, most in sizes)
    assert sum(units(text) for text, _ in sizes) <= 6000
    assert len(fields) <= 25
    assert 0 <= embed["color"] <= 0xFFFFFF
    for text in (embed["title"], embed.get("description", ""), *(field["value"] for field in fields)):
        rest = re.sub(r"\[(?:\\.|[^\\\[\]\n])+\]\(https?://[^()\s<>]+\)", "", text)
        assert not re.search(r"(?<!\\)(?:\\\\)*[<>\[\]()`|@]", re.sub(r"\\.", "", rest)), text
    return message


def check_apprise(body: str) -> Json:
    message: Json = json.loads(body)
    assert set(message) == {"title", "body", "kind"}
    assert 0 < units(message["title"]) <= 250
    assert units(message["body"]) <= 3500
    assert not re.search(r"<[@!#]|(?<![\w.])@\w", f"{message['title']}\n{message['body']}")
    return message


def check_email(body: str) -> object:
    """RFC 5322 and 2045: ASCII, lines of at most 998 and each ended by CR LF, no header but ours."""
    assert body.isascii()
    assert "\n" not in body.replace("\r\n", "")
    assert "\r" not in body.replace("\r\n", "")
    assert max(map(len, body.split("\r\n"))) <= 998
    message = message_from_string(body, policy=policy.default)
    assert not message.defects
    assert sorted({name.lower() for name in message.keys()}) == [  # noqa: SIM118  it is no mapping: keys repeat
        "auto-submitted", "content-type", "date", "from", "in-reply-to", "mime-version", "references", "subject", "to",
    ]  # fmt: skip
    assert [part.get_content_type() for part in message.walk()] == ["multipart/alternative", "text/plain", "text/html"]
    page = message.get_payload(1)
    assert isinstance(page, EmailMessage)
    Page().feed(page.get_content())
    return message


class Page(HTMLParser):
    """Nothing stands in it but what this channel writes there."""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag in {"html", "body", "h2", "h3", "p", "ul", "li", "a", "strong", "small"}
        for name, value in attrs:
            assert (name, value) == ("dir", "auto") or (tag, name) == ("a", "href")
            assert name != "href" or (value or "").startswith(("https://", "http://"))

    def handle_comment(self, data: str) -> None:
        raise AssertionError(data)
