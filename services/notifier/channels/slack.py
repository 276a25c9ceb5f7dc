"""Incoming webhooks of Slack, and of what understands the same messages.

Limits: https://api.slack.com/reference/block-kit/blocks. Answers: https://api.slack.com/messaging/webhooks.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from services.notifier.channels.base import Payload, Sent
from services.notifier.channels.cutting import fitted, whole_lines
from services.notifier.channels.posting import JSON, check_secret_url, compact, judged, posted
from services.notifier.channels.telling import Link, Passage, Telling, telling
from services.notifier.ports import HttpPoster
from shared.http import Response
from shared.models.subscription import Envelope, SlackChannel

MAX_HEADER, MAX_SECTION, MAX_BLOCKS = 150, 3000, 50
MAX_LINE = 600

_GONE = frozenset(
    {
        "no_service",
        "no_service_id",
        "no_team",
        "team_disabled",
        "invalid_token",
        "channel_not_found",
        "channel_is_archived",
    }
)
# They would answer the same to the same bytes.
_FINAL = frozenset(
    {"invalid_payload", "invalid_blocks", "invalid_blocks_format", "no_text", "msg_too_long", "too_many_attachments"}
)
_ANSWER = re.compile(r"[a-z][a-z_]{1,40}")

_Block = dict[str, object]


@dataclass(frozen=True, slots=True)
class SlackSender:
    channel: SlackChannel
    http: HttpPoster

    def __post_init__(self) -> None:
        check_secret_url(self.channel.url, "Slack")

    def write(self, payload: Payload) -> str:
        told = telling(payload)
        text = fitted(told.headline, MAX_SECTION, escaped)
        blocks = _blocks(told)
        return compact({"text": text, "blocks": blocks, "unfurl_links": False, "unfurl_media": False})

    async def send(self, envelope: Envelope, secrets: Sequence[str]) -> Sent:
        return await posted(self.http, self.channel.url.get_secret_value(), envelope.body.encode(), JSON, _judged)


def _judged(response: Response) -> Sent:
    """Slack says in a word of plain text what is wrong; what is no such word is not repeated."""
    sent = judged(response)
    word = response.body.decode("ascii", "replace").strip()
    if sent.ok or not _ANSWER.fullmatch(word):
        return sent
    return replace(sent, gone=sent.gone or word in _GONE, final=word in _FINAL, detail=f"{sent.detail}: {word}")


def escaped(text: str) -> str:
    """https://api.slack.com/reference/surfaces/formatting#escaping: without these, nothing is a link or a mention."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _blocks(told: Telling) -> list[_Block]:
    header: _Block = {
        "type": "header",
        "text": {"type": "plain_text", "text": fitted(told.headline, MAX_HEADER, escaped)},
    }
    note = _section([_bold(told.note)] if told.note else [])
    passages = _brief if told.digest else _full
    blocks = [header, *note, *(block for passage in told.passages for block in passages(passage))]
    left = f"and {len(told.passages) - MAX_BLOCKS + len(note) + 2} more"
    return blocks if len(blocks) <= MAX_BLOCKS else [*blocks[: MAX_BLOCKS - 1], *_context(left)]


def _full(passage: Passage) -> Iterator[_Block]:
    yield from _section(part for part in (_bold(passage.why), fitted(passage.summary, MAX_LINE, escaped)) if part)
    yield from _section(f"• {fitted(claim, MAX_LINE, escaped)}" for claim in passage.claims)
    yield from _section(f"• {_linked(link)}" for link in passage.links)
    yield from _context(*passage.facts, page=passage.page)


def _brief(passage: Passage) -> Iterator[_Block]:
    """One block a story."""
    url = passage.page or next((link.url for link in passage.links if link.url), None)
    why, facts = fitted(passage.why, MAX_LINE, escaped), fitted(" · ".join(passage.facts), MAX_LINE, escaped)
    yield from _section(part for part in (_linked(Link(passage.title, url)), why, facts) if part)


def _bold(text: str) -> str:
    return f"*{fitted(text, MAX_LINE, escaped)}*" if text else ""


def _linked(link: Link) -> str:
    text = fitted(link.text, MAX_LINE, escaped)
    return f"<{escaped(link.url)}|{text}>" if link.url else text


def _section(lines: Iterable[str]) -> list[_Block]:
    text = whole_lines(lines, MAX_SECTION)
    return [{"type": "section", "text": _mrkdwn(text)}] if text else []


def _context(*facts: str, page: str | None = None) -> list[_Block]:
    links = [_mrkdwn(f"<{escaped(page)}|the whole story>")] if page else []
    told = [_mrkdwn(fitted(" · ".join(facts), MAX_SECTION, escaped))] if facts else []
    return [{"type": "context", "elements": [*told, *links]}] if told or links else []


def _mrkdwn(text: str) -> dict[str, object]:
    """`verbatim`: Slack is not to look for names of channels and people in it."""
    return {"type": "mrkdwn", "text": text, "verbatim": True}
