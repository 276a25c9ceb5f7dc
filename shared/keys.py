"""Every key that Tocsin writes into Redis: built here and nowhere else.

A key is a function of its parts. `@_key` puts the prefix before what the function returns and writes the row of TABLE,
whose pattern is the function called with its parameters' names; so the table cannot differ from the code.
"""

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import wraps
from inspect import signature
from typing import Literal, ParamSpec

PREFIX = "tocsin:"

P = ParamSpec("P")


@dataclass(frozen=True, slots=True)
class Key:
    """One row. `lifetime` says in words when it goes; `writer` and `readers` are services or modules."""

    pattern: str
    type: Literal["string", "hash", "set", "zset", "list", "stream"]
    lifetime: str
    writer: str
    readers: str
    purpose: str


TABLE: list[Key] = []


def _key(
    type: Literal["string", "hash", "set", "zset", "list", "stream"],  # noqa: A002 - Redis' own word, see TYPE
    lifetime: str,
    *,
    writer: str,
    readers: str,
) -> Callable[[Callable[P, str]], Callable[P, str]]:
    def register(build: Callable[P, str]) -> Callable[P, str]:
        @wraps(build)
        def prefixed(*args: P.args, **kwargs: P.kwargs) -> str:
            return PREFIX + build(*args, **kwargs)

        of_any_parts: Callable[..., str] = prefixed
        pattern = of_any_parts(*(f"{{{name}}}" for name in signature(build).parameters))
        TABLE.append(Key(pattern, type, lifetime, writer, readers, (build.__doc__ or "").strip()))
        return prefixed

    return register


# Leased due-sets. `name`: feeds, pages, deliveries, websub.


@_key("zset", "for ever", writer="store.due", readers="store.due")
def due_times(name: str) -> str:
    """Members that nobody works on, by due time."""
    return f"due:{name}:times"


@_key("zset", "for ever", writer="store.due", readers="store.due")
def due_expiry(name: str) -> str:
    """Leased members, by the end of their lease."""
    return f"due:{name}:expiry"


@_key("hash", "a field: until the lease ends", writer="store.due", readers="store.due")
def due_leases(name: str) -> str:
    """Leased member → "token due_at"."""
    return f"due:{name}:leases"


@_key("hash", "a field: until the lease ends", writer="store.due", readers="store.due")
def due_wishes(name: str) -> str:
    """Leased member → the earliest time it was scheduled for while it was worked on."""
    return f"due:{name}:wishes"


@_key("hash", "a field: until the next commit", writer="store.due", readers="store.due")
def due_expiries(name: str) -> str:
    """Member → how many leases in a row ran out."""
    return f"due:{name}:expiries"


@_key("string", "for ever", writer="store.due", readers="store.due")
def due_token(name: str) -> str:
    """The newest fencing token."""
    return f"due:{name}:token"


# Feeds and entries.


@_key("hash", "for ever", writer="store.feeds (poller, on start and reload)", readers="poller, gateway, cli")
def feeds() -> str:
    """Feed id → the feed as configured, JSON."""
    return "feeds"


@_key("set", "for ever", writer="store.feeds (poller, on start and reload)", readers="gateway")
def feeds_written() -> str:
    """The configured feeds that stand in the file."""
    return "feeds:written"


@_key("hash", "a field: until removed", writer="gateway, cli", readers="poller, gateway, cli")
def feeds_added() -> str:
    """Feed id → a feed that was added through the API, JSON; those of feeds.yaml stand there alone."""
    return "feeds:added"


@_key("string", "for ever", writer="gateway, cli", readers="poller")
def feeds_version() -> str:
    """How often they were changed: what pollers look at."""
    return "feeds:version"


@_key("string", "for ever", writer="poller, in the commit of a poll", readers="poller, gateway, cli")
def feed_state(feed_id: str) -> str:
    """What polling learnt about the feed, JSON."""
    return f"feed:{feed_id}:state"


@_key("string", "for ever", writer="poller, in the commit of a poll", readers="poller")
def feed_seen(feed_id: str) -> str:
    """The items the feed has listed: records of 8 bytes of hash and 2 bytes of day."""
    return f"feed:{feed_id}:seen"


@_key("hash", "a field: while the feed is not healthy", writer="poller, in the commit of a poll", readers="poller")
def feeds_unwell() -> str:
    """Feed id → its health, of those that are not healthy."""
    return "feeds:unwell"


@_key(
    "zset",
    "a member: while the feed is configured and enabled",
    writer="poller, on start and reload and in the commit of a poll",
    readers="classifier",
)
def feeds_read() -> str:
    """Feed ids, by when each was last read successfully; one that never was, by when it was first configured."""
    return "feeds:read"


@_key("list", "the newest 10", writer="poller, in the commit of a poll", readers="gateway, cli")
def feed_polls(feed_id: str) -> str:
    """How the feed's last polls ended, newest first, JSON."""
    return f"feed:{feed_id}:polls"


@_key(
    "string",
    "TOCSIN_ENTRY_RETENTION_SECONDS",
    writer="poller, in the commit of a poll or a page",
    readers="classifier, gateway, cli",
)
def entry(entry_id: str) -> str:
    """An entry as read, JSON."""
    return f"entry:{entry_id}"


# Pages of relevant entries.


@_key("string", "until the page was last checked, or given up", writer="poller, fenced by its lease", readers="poller")
def page(entry_id: str) -> str:
    """How far reading the entry's page, and checking it, has come, JSON."""
    return f"page:{entry_id}"


@_key("string", "1 d", writer="poller, fenced by its lease", readers="poller")
def robots(origin: str) -> str:
    """The robots.txt of `https://host:port`; empty where there is none."""
    return f"robots:{origin}"


# The queue, beside RQ's own keys (rq:*).


@_key("hash", "until retried or dropped", writer="queue (classifier)", readers="classifier, gateway, cli")
def dead_letters() -> str:
    """Entry id → why it could not be classified, JSON."""
    return "dead-letters"


@_key("string", "30 s", writer="queue (classifier)", readers="queue")
def queue_recovery_lock() -> str:
    """The worker that looks after dead workers' batches just now."""
    return "queue:recovery"


@_key("hash", "1 h", writer="queue (classifier)", readers="queue")
def queue_intermediate_seen() -> str:
    """Job id → when it was first met between queue and worker."""
    return "queue:intermediate-seen"


# Topics, and what running classifiers are asked.


@_key("hash", "for ever", writer="classifier, on start and reload", readers="gateway")
def topics() -> str:
    """Topic → what classifiers judge by, without its forms, JSON."""
    return "topics"


@_key("string", "10 min after the last change", writer="classifier", readers="gateway")
def examination(examination_id: str) -> str:
    """What a text came to, JSON."""
    return f"examination:{examination_id}"


@_key("string", "10 min after the last change", writer="classifier, gateway", readers="classifier, gateway")
def backtest(examination_id: str) -> str:
    """How far a backtest has come, and what it has found, JSON."""
    return f"backtest:{examination_id}"


@_key("set", "10 min after the last change", writer="classifier", readers="classifier")
def backtest_entries(examination_id: str) -> str:
    """The entries that it has still to read."""
    return f"backtest:{examination_id}:entries"


# Stories and alerts.


@_key("string", "for ever", writer="store.stories (classifier, cli)", readers="store.stories")
def topic_assignments(topic: str) -> str:
    """How many entries were assigned: what the assigning transaction watches."""
    return f"topic:{topic}:assignments"


@_key("string", "1 s", writer="store.stories (classifier)", readers="store.stories")
def topic_turn(topic: str) -> str:
    """The token of the worker that assigns just now, while the others wait."""
    return f"topic:{topic}:turn"


@_key(
    "zset",
    "a member: TOCSIN_STORY_RETENTION_SECONDS",
    writer="store.stories (classifier, cli)",
    readers="store.stories",
)
def topic_stories(topic: str) -> str:
    """The topic's stories, by when they last changed."""
    return f"topic:{topic}:stories"


@_key("string", "TOCSIN_STORY_RETENTION_SECONDS", writer="store.stories (classifier, cli)", readers="store.stories")
def entry_story(topic: str, entry_id: str) -> str:
    """The story that the entry was assigned to; after a blank, its edition: a hash of its text, or `gone`."""
    return f"topic:{topic}:entry:{entry_id}"


@_key("string", "TOCSIN_STORY_RETENTION_SECONDS", writer="store.stories (classifier, cli)", readers="store.stories")
def topic_identity(topic: str, identity: str) -> str:
    """The story that has an item of this guid, address or text; `identity` is a hash of it."""
    return f"topic:{topic}:same:{identity}"


@_key(
    "zset",
    "TOCSIN_STORY_WINDOW_SECONDS after the last",
    writer="store.stories (classifier, cli)",
    readers="store.stories",
)
def topic_term(topic: str, term: str) -> str:
    """The stories with an article in its own words that says the term, by when that came, in whole seconds.

    Of a set of terms, `set:` and a hash of it, the newest 64.
    """
    return f"topic:{topic}:term:{term}"


@_key("zset", "the newest 1,000", writer="store.stories (classifier, cli)", readers="store.stories")
def topic_figures(topic: str) -> str:
    """The figures that rang, as `killed=6e+02`, a blank and the story in which they did, by when."""
    return f"topic:{topic}:figures"


@_key(
    "zset", "a member: TOCSIN_STORY_RETENTION_SECONDS", writer="store.stories (classifier, cli)", readers="gateway, cli"
)
def stories() -> str:
    """All stories, by when they last changed."""
    return "stories"


@_key(
    "string",
    "TOCSIN_STORY_RETENTION_SECONDS",
    writer="store.stories (classifier, cli)",
    readers="notifier, gateway, cli",
)
def story(story_id: str) -> str:
    """A story with its articles, claims and revisions, JSON."""
    return f"story:{story_id}"


@_key("stream", "the newest 100,000", writer="store.stories (classifier, cli)", readers="notifier, gateway, cli")
def alerts() -> str:
    """One record for each revision of a story; the field `alert` is JSON."""
    return "alerts"


@_key("hash", "for ever", writer="notifier", readers="every process, for its metrics")
def canary() -> str:
    """Of the canary that arrived last, in Unix seconds: `published_at`, `fetched_at`, `delivered_at`, `slot`."""
    return "canary"


# Subscriptions, their endpoints, and deliveries.


@_key("hash", "until removed", writer="cli, gateway", readers="notifier, gateway, cli")
def subscriptions() -> str:
    """Subscription id → the subscription with its secrets, JSON; those of subscriptions.yaml stand there alone."""
    return "subscriptions"


@_key("string", "for ever", writer="cli, gateway", readers="notifier")
def subscriptions_version() -> str:
    """How often they were changed: what notifiers look at."""
    return "subscriptions:version"


@_key("set", "a member: while its subscription is configured and enabled", writer="notifier", readers="classifier")
def endpoints() -> str:
    """The subscriptions that are delivered to."""
    return "endpoints"


@_key("string", "for ever", writer="notifier, cli, gateway", readers="notifier, gateway, cli")
def signing(subscription_id: str) -> str:
    """The secret that signs, and those before it that sign for a day on, JSON."""
    return f"endpoint:{subscription_id}:signing"


@_key(
    "string",
    "for ever",
    writer="notifier, fenced by its lease; cli and gateway, which end that",
    readers="notifier, gateway, cli",
)
def endpoint(subscription_id: str) -> str:
    """What delivering has learnt about the receiving end, JSON."""
    return f"endpoint:{subscription_id}:state"


@_key("zset", "a member: until it is up to date", writer="notifier, cli, gateway", readers="notifier, gateway, cli")
def waiting(subscription_id: str) -> str:
    """What the subscription may have to be told (story ids, `digest`, `endpoint:…`, `test:…`), by when."""
    return f"endpoint:{subscription_id}:waiting"


@_key("zset", "a member: while it is looked at", writer="notifier, fenced by its lease", readers="notifier")
def under_way(subscription_id: str) -> str:
    """What is being delivered just now; after a crash the next notifier takes it back."""
    return f"endpoint:{subscription_id}:under-way"


@_key("hash", "a field: until it is obeyed", writer="cli, gateway", readers="notifier")
def orders(subscription_id: str) -> str:
    """What a person has asked for: subject → `recover` or `redeliver`; of the endpoint as a whole, the empty subject →
    `enable` or `disable`."""
    return f"endpoint:{subscription_id}:orders"


@_key("stream", "the newest 1,000", writer="notifier, fenced by its lease", readers="gateway, cli")
def attempts(subscription_id: str) -> str:
    """Every attempt, as it ended; the field `attempt` is JSON."""
    return f"endpoint:{subscription_id}:attempts"


@_key(
    "string", "TOCSIN_STORY_RETENTION_SECONDS", writer="notifier, fenced by its lease", readers="notifier, gateway, cli"
)
def delivery(subscription_id: str, subject: str) -> str:
    """How far the subscription has been brought with the subject, JSON."""
    return f"delivery:{subscription_id}:{subject}"


# Hosts. `host`: as in a URL, in lower case, without its port.


@_key("zset", "a member: TOCSIN_POLL_LEASE_SECONDS", writer="store.hosts (poller)", readers="store.hosts")
def host_slots(host: str) -> str:
    """Requests that run at the host, by when they count as dead."""
    return f"host:{host}:slots"


@_key("string", "until a minute after its time", writer="store.hosts (poller)", readers="store.hosts")
def host_opens(host: str) -> str:
    """No request to the host starts before this time."""
    return f"host:{host}:opens"


@_key("zset", "a member: until it gets in, or is late", writer="store.hosts (poller)", readers="store.hosts")
def host_line(host: str) -> str:
    """The feeds and pages that wait for the host, in the order in which they lined up."""
    return f"host:{host}:line"


@_key("zset", "a member: until it gets in, or is late", writer="store.hosts (poller)", readers="store.hosts")
def host_expected(host: str) -> str:
    """The feeds and pages that wait for the host, by when they were told to come back."""
    return f"host:{host}:expected"


# Subscriptions at hubs (WebSub).


@_key("hash", "a field: until the feed names no hub", writer="poller, in the commit of a poll", readers="poller")
def websub_offers() -> str:
    """Feed id → the hub and topic that the feed names, JSON."""
    return "websub:offers"


@_key("set", "a member: until a subscriber has seen it", writer="poller, in the commit of a poll", readers="poller")
def websub_changes() -> str:
    """Feeds whose offer has changed."""
    return "websub:changes"


@_key("string", "until the feed goes or names no hub", writer="poller, fenced by its lease", readers="poller, gateway")
def websub_request(feed_id: str) -> str:
    """What was asked of the feed's hub, with the secret that signs pushes, JSON."""
    return f"websub:{feed_id}:request"


@_key("hash", "40 days after the hub was last heard", writer="gateway", readers="poller, gateway")
def websub_grant(callback_id: str) -> str:
    """What the hub answered: lease or denial, and when it last pushed."""
    return f"websub:{callback_id}:grant"


@_key("stream", "1 h after the newest; a record: until it is read", writer="gateway", readers="poller")
def websub_pushes(feed_id: str) -> str:
    """Pushes that wait to be read, 8 at most: `body`, `content_type`, `url`."""
    return f"websub:{feed_id}:pushes"


# Access to the gateway.


@_key("hash", "a field: until revoked", writer="cli, gateway", readers="gateway, cli")
def tokens() -> str:
    """Token id → whose it is, what it may do and the hash of its secret, JSON."""
    return "tokens"


@_key("stream", "the newest 10,000 of callers, 1,000 of strangers", writer="gateway", readers="gateway")
def audit(of: str) -> str:
    """Changes that were asked for, and what came of them, by `callers` or `strangers`; the field `audited` is JSON."""
    return f"audit:{of}"


@_key("string", "24 h; while it is worked on: 1 min", writer="gateway", readers="gateway")
def idempotency(request: str) -> str:
    """What was answered to a POST with an Idempotency-Key, JSON; `request` is a hash of its caller and key."""
    return f"idempotency:{request}"


# Watching the system itself.


@_key("hash", "for ever", writer="classifier", readers="classifier")
def counters() -> str:
    """What all classifiers have counted: metric, values of its labels and part of a histogram → number."""
    return "counters"


def reference() -> str:
    """`docs/reference/keys.md`."""
    return "\n".join(_reference()) + "\n"


def _reference() -> Iterator[str]:
    yield "# Keys in Redis"
    yield ""
    yield "All that Tocsin stores, beside what RQ keeps of its own under `rq:`."
    yield ""
    yield "Generated by `python -m shared.keys`."
    yield ""
    yield "| key | type | lifetime | written by | read by | what it holds |"
    yield "|---|---|---|---|---|---|"
    for key in TABLE:
        cells = [f"`{key.pattern}`", key.type, key.lifetime, key.writer, key.readers, " ".join(key.purpose.split())]
        yield f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    sys.stdout.write(reference())
