"""The canary: an entry of Tocsin's own, which goes the whole way like any other and is shown to nobody.

Its feed, topic and subscription are built in, and have one name, which nobody else may give to theirs.
"""

from pydantic import AfterValidator

from shared.models.feed import Feed

NAME = "canary"
# RFC 6761, 6.4: there is no such host. A poller that has the feed in hand serves it to itself.
URL = "http://canary.invalid/"
# Of its entries, stories and deliveries. What has not arrived by then never will; for longer they would pile up.
KEPT_SECONDS = 3600


def canary_feed(every_seconds: int) -> Feed:
    """It has one entry in each slot of so many seconds."""
    return Feed(url=URL, name=NAME, language="en", interval_seconds=every_seconds)


FEED_ID = canary_feed(1).id


def kept_seconds(otherwise: int, *, canary: bool) -> int:
    """How long something is kept that is else kept for as long as `otherwise` says."""
    return min(otherwise, KEPT_SECONDS) if canary else otherwise


def _not_ours(name: str) -> str:
    if name == NAME:
        raise ValueError(f"{NAME} is Tocsin's own; choose another name")
    return name


NotOurs = AfterValidator(_not_ours)
