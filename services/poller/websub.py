"""When a hub is asked for pushes, and how far they slow polling down (pure).

WebSub, W3C Recommendation of 2 June 2026: https://www.w3.org/TR/2026/REC-websub-20260602/; Link headers: RFC 8288.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from urllib.parse import urlencode, urljoin, urlsplit

from shared.models.websub import AskOutcome, PushGrant, PushOffer, PushRequest, PushState, PushSubscription

LEASE_SECONDS = 864_000  # ten days: what the Recommendation (8.2) calls a good default
RENEW_AFTER = 0.8  # of the lease: leaves two of ten days for a hub that is down
FIRST_GAP_SECONDS = 60.0
LONGEST_GAP_SECONDS = 86_400.0
DENIED_GAP_SECONDS = 86_400.0
MOVED_GAP_SECONDS = 3_600.0  # some feeds are served by machines that disagree about the feed's address

SLOWER = 4.0
SLOWEST_SECONDS = 21_600.0
DELIVERS_WITHIN = timedelta(hours=24)

_TARGET = re.compile(r"<([^<>]*)>")
_PARAMETER = re.compile(r"""\s*;\s*([\w!#$&+.^`|~-]+)\*?\s*(?:=\s*("(?:[^"\\]|\\.)*"|[^\s;,"]*))?""")


class Action(StrEnum):
    ASK = "ask"  # again, under the same callback
    ASK_ANEW = "ask_anew"  # under a new callback; the old one, if any, is forgotten
    WAIT = "wait"
    FORGET = "forget"


@dataclass(frozen=True, slots=True)
class Intent:
    """What is to be done now; with WAIT, `at` says until when."""

    action: Action
    reason: str
    at: datetime | None = None


def intent(offer: PushOffer | None, subscription: PushSubscription | None, now: datetime) -> Intent:
    """Decide what to do about a feed that offers `offer` (None: no hub, or the feed is gone)."""
    if offer is None:
        return Intent(Action.FORGET, "no_hub")
    if subscription is None:
        return Intent(Action.ASK_ANEW, "new")
    moved = subscription.request.offer != offer
    at, reason = (_after(subscription.request, MOVED_GAP_SECONDS), "moved") if moved else _next_ask(subscription, now)
    if at > now:
        return Intent(Action.WAIT, reason, at)
    return Intent(Action.ASK_ANEW if moved else Action.ASK, reason)


def _after(request: PushRequest, gap_seconds: float) -> datetime:
    return max(request.retry_at, request.asked_at + timedelta(seconds=gap_seconds))


def _next_ask(subscription: PushSubscription, now: datetime) -> tuple[datetime, str]:
    request, state = subscription.request, subscription.state(now)
    if state is PushState.DENIED:
        return _after(request, DENIED_GAP_SECONDS), "denied"
    if state is PushState.ACTIVE:
        # The retry is the later one while a renewal is unanswered, and after a lease of seconds.
        return max(request.retry_at, _renewal(subscription.grant)), "renewal"
    return request.retry_at, "unverified" if state is PushState.PENDING else "expired"


def _renewal(grant: PushGrant) -> datetime:
    if grant.verified_at is None or grant.lease_expires_at is None:
        raise ValueError("there is no lease")
    return grant.verified_at + (grant.lease_expires_at - grant.verified_at) * RENEW_AFTER


@dataclass(frozen=True, slots=True)
class Callback:
    """Drawn by the shell for a new subscription; neither can be guessed."""

    id: str
    secret: str


def first_ask(
    feed_id: str, offer: PushOffer, callback: Callback, why: Intent, now: datetime, draw: float
) -> PushRequest:
    """A subscription of its own: whatever was asked before is another's."""
    return PushRequest(
        feed_id=feed_id,
        offer=offer,
        callback_id=callback.id,
        secret=callback.secret,
        lease_seconds=LEASE_SECONDS,
        ask=1,
        tries=1,
        asked_at=now,
        retry_at=now + retry_gap(1, None, draw),
        reason=why.reason,
    )


def next_ask(subscription: PushSubscription, why: Intent, now: datetime, draw: float) -> PushRequest:
    before = subscription.request
    tries = 1 if subscription.answered else before.tries + 1
    update = {"ask": before.ask + 1, "tries": tries, "asked_at": now, "reason": why.reason, "outcome": None}
    return before.model_copy(update=update | {"retry_at": now + retry_gap(tries, None, draw)})


def told(request: PushRequest, outcome: str, retry_after: float | None, now: datetime, draw: float) -> PushRequest:
    """After the hub's answer. Accepted or not, it is asked again unless it verifies in time."""
    return request.model_copy(
        update={"outcome": outcome, "retry_at": now + retry_gap(request.tries, retry_after, draw)}
    )


def retry_gap(tries: int, retry_after: float | None, draw: float) -> timedelta:
    """How long to wait for the hub after `tries` asks in a row. `draw`: uniform in [0, 1)."""
    gap = min(LONGEST_GAP_SECONDS, FIRST_GAP_SECONDS * 2 ** min(tries - 1, 20)) * (1 + 0.25 * draw)
    return timedelta(seconds=gap if retry_after is None else max(gap, min(retry_after, LONGEST_GAP_SECONDS)))


def counted(outcome: str) -> AskOutcome:
    """How asking ended, with all statuses of a class under one name."""
    if outcome.startswith("http_"):
        classes = {"5": AskOutcome.SERVER_ERROR, "3": AskOutcome.REDIRECT}
        return classes.get(outcome.removeprefix("http_")[:1], AskOutcome.CLIENT_ERROR)
    return AskOutcome(outcome)


def form(request: PushRequest, callback_url: str) -> bytes:
    """The body of the subscription request (5.1). `callback_url`: the public address of the gateway."""
    fields = {
        "hub.callback": f"{callback_url.rstrip('/')}/websub/{request.callback_id}",
        "hub.mode": "subscribe",
        "hub.topic": request.offer.topic,
        "hub.lease_seconds": str(request.lease_seconds),
        "hub.secret": request.secret,
    }
    return urlencode(fields).encode()


def https_first(url: str) -> str:
    """A secret should not travel in the clear (5.1, 8.2). A port of its own is left: its https twin is unknown."""
    parts = urlsplit(url)
    plain = parts.scheme == "http" and parts.port in (None, 80)
    return parts._replace(scheme="https", netloc=parts.netloc.removesuffix(":80")).geturl() if plain else url


def offered(link: str | None, hub: str | None, self_url: str | None, url: str) -> PushOffer | None:
    """What a fetched feed offers (section 4), None if it names no hub.

    Args:
        link: its Link headers, joined by commas; they come first.
        hub, self_url: of the document's own links.
        url: where the document came from; relative links start there, and it is the topic if none is stated.
    """
    stated = dict(reversed([*links(link or "")]))
    at_hub, topic = stated.get("hub") or hub, stated.get("self") or self_url or url
    try:
        return PushOffer(hub=https_first(urljoin(url, at_hub)), topic=urljoin(url, topic)) if at_hub else None
    except ValueError:  # not an address: pydantic's ValidationError is one, too
        return None


def links(header: str) -> Iterator[tuple[str, str]]:
    """(relation, target) of each link of a Link header (RFC 8288, 3); what cannot be read is passed over."""
    at = 0
    while (target := _TARGET.search(header, at)) is not None:
        parameters, at = _parameters(header, target.end())
        # Only a link from the document itself counts, and of two `rel` the first (RFC 8288, 3.2 and 3.3).
        if "anchor" not in parameters:
            yield from ((rel.lower(), target[1].strip()) for rel in parameters.get("rel", "").split())


def _parameters(header: str, at: int) -> tuple[dict[str, str], int]:
    found: dict[str, str] = {}
    while (match := _PARAMETER.match(header, at)) is not None:
        value = match[2] or ""
        found.setdefault(match[1].lower(), re.sub(r"\\(.)", r"\1", value[1:-1]) if value[:1] == '"' else value)
        at = match.end()
    return found, at


@dataclass(frozen=True, slots=True)
class Paced:
    """Seconds between polls, and why."""

    interval: float
    reason: str


def slowed(interval: float, subscription: PushSubscription | None, missed_at: datetime | None, now: datetime) -> Paced:
    """Polling while a hub delivers: four times slower, at most six hours, never stopped and never faster.

    Args:
        interval: seconds between polls as they were without a hub.
        missed_at: when a fetch last brought entries: news that the hub had not pushed. A push after it makes it good.
    """
    fault = _does_not_deliver(subscription, missed_at, now)
    return Paced(interval, fault) if fault else Paced(max(interval, min(interval * SLOWER, SLOWEST_SECONDS)), "pushed")


def _does_not_deliver(subscription: PushSubscription | None, missed_at: datetime | None, now: datetime) -> str | None:
    if subscription is None:
        return "no_hub"
    if (state := subscription.state(now)) is not PushState.ACTIVE:
        return f"hub_{state.value}"
    pushed_at = subscription.grant.last_push_at
    if pushed_at is None or now - pushed_at > DELIVERS_WITHIN:
        return "hub_silent"
    return "hub_missed_news" if missed_at is not None and missed_at > pushed_at else None
