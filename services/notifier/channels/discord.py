"""Webhooks of Discord.

Limits: https://discord.com/developers/docs/resources/message#embed-object-embed-limits.
"""

import json
import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from services.notifier.channels.base import Payload, Sent
from services.notifier.channels.cutting import fitted, whole_lines
from services.notifier.channels.posting import JSON, check_secret_url, compact, judged, posted
from services.notifier.channels.telling import GOOD, Link, Passage, Telling, telling
from services.notifier.ports import HttpPoster
from shared.http import Response
from shared.models.subscription import DiscordChannel, Envelope

MAX_TITLE, MAX_DESCRIPTION, MAX_FIELD = 256, 4096, 1024
# Discord takes 2,048, but no more than 6,000 of all texts together.
MAX_FOOTER = 500
MAX_LINE = 400

_COLOURS = {"low": 0x7F8C8D, "medium": 0xF1C40F, "high": 0xE67E22, "critical": 0xC0392B, GOOD: 0x2ECC71}
_MARKDOWN = re.compile(r"[\\`*_~|<>\[\]()#@]|^(?=[-+])")

_UNKNOWN_WEBHOOK, _INVALID_TOKEN = 10015, 50027
_GONE = {(404, _UNKNOWN_WEBHOOK), (401, _INVALID_TOKEN)}


@dataclass(frozen=True, slots=True)
class DiscordSender:
    channel: DiscordChannel
    http: HttpPoster

    def __post_init__(self) -> None:
        check_secret_url(self.channel.url, "Discord")

    def write(self, payload: Payload) -> str:
        """No headline rings for @everyone, or for anybody else."""
        return compact({"embeds": [_embed(telling(payload))], "allowed_mentions": {"parse": []}})

    async def send(self, envelope: Envelope, secrets: Sequence[str]) -> Sent:
        return await posted(self.http, self.channel.url.get_secret_value(), envelope.body.encode(), JSON, _judged)


def _judged(response: Response) -> Sent:
    """The same bytes get the same 400. Of its two Retry-Afters, that in the body has fractions of a second."""
    sent = judged(response)
    said = _said(response.body)
    code, seconds = said.get("code"), _seconds(said.get("retry_after"))
    if sent.ok:
        return sent
    if isinstance(code, int) and code > 0:
        gone = (response.status, code) in _GONE
        sent = replace(sent, gone=sent.gone or gone, detail=f"{sent.detail}: code {code}")
    if response.status == 429 and seconds is not None:
        sent = replace(sent, retry_after=seconds)
    return replace(sent, final=response.status == 400)


def _seconds(stated: object) -> float | None:
    return float(stated) if isinstance(stated, int | float) and 0 <= stated < math.inf else None


def _said(body: bytes) -> dict[str, object]:
    try:
        said = json.loads(body)
    except ValueError:
        return {}
    return said if isinstance(said, dict) else {}


def escaped(text: str) -> str:
    return _MARKDOWN.sub(lambda found: f"\\{found[0]}", text)


def _embed(told: Telling) -> dict[str, object]:
    lines = (
        map(_brief, told.passages) if told.digest else (text for passage in told.passages for text in _full(passage))
    )
    footer = (
        ""
        if told.digest
        else fitted(" · ".join(fact for passage in told.passages for fact in passage.facts), MAX_FOOTER)
    )
    embed: dict[str, object] = {
        "title": fitted(told.headline, MAX_TITLE, escaped),
        "description": whole_lines((text for text in (_bold(told.note), *lines) if text), MAX_DESCRIPTION),
        "color": _COLOURS.get(told.tone, _COLOURS["low"]),
        "fields": [] if told.digest else [claims for passage in told.passages for claims in _claims(passage)],
        "footer": {"text": footer} if footer else None,
        "timestamp": told.at.isoformat() if told.at else None,
    }
    return {name: value for name, value in embed.items() if value}


def _full(passage: Passage) -> Iterator[str]:
    yield _bold(passage.why)
    yield fitted(passage.summary, MAX_LINE * 2, escaped)
    yield from (f"• {_linked(link)}" for link in passage.links)
    yield _linked(Link("the whole story", passage.page)) if passage.page else ""


def _brief(passage: Passage) -> str:
    url = passage.page or next((link.url for link in passage.links if link.url), None)
    why = fitted(passage.why, MAX_LINE, escaped)
    return f"**{_linked(Link(passage.title, url))}**" + (f"\n{why}" if why else "")


def _claims(passage: Passage) -> Iterator[dict[str, object]]:
    value = whole_lines((f"• {fitted(claim, MAX_LINE, escaped)}" for claim in passage.claims), MAX_FIELD)
    if value:
        yield {"name": "Claims", "value": value}


def _bold(text: str) -> str:
    return f"**{fitted(text, MAX_LINE, escaped)}**" if text else ""


def _linked(link: Link) -> str:
    text = fitted(link.text, MAX_LINE, escaped)
    return f"[{text}]({link.url})" if link.url else text
