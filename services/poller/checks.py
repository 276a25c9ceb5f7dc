"""What becomes of a page that was read (pure): publishers correct their articles, and take them back.

A few times it is asked for again, with conditions, in the steps of `services.poller.page`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from services.poller.page import Then
from shared.models.entry import Entry
from shared.models.page import PageOutcome, PageState

# Where an article stands, whether we may have it or not.
_STANDS = frozenset({PageOutcome.READ, PageOutcome.SHORT, PageOutcome.PAYWALL, PageOutcome.WITHHELD})
_LAST = frozenset({PageOutcome.EXPIRED, PageOutcome.READ_BEFORE, PageOutcome.GONE, PageOutcome.LEASE_EXPIRED})


def conditions(state: PageState) -> dict[str, str]:
    """The headers of a check (RFC 9110, 13.1): validators go back byte for byte as they came."""
    named = {"If-None-Match": state.etag, "If-Modified-Since": state.last_modified}
    return {name: value for name, value in named.items() if value}


def validators(headers: Mapping[str, str]) -> dict[str, str | None]:
    return {"etag": headers.get("etag"), "last_modified": headers.get("last-modified")}


def followed(then: Then, entry: Entry | None, state: PageState, plan: Sequence[float], now: datetime) -> Then:
    """The end of a reading or of a check with what follows it. `plan`: seconds from the reading to each check."""
    if then.outcome is None or then.put_off:
        return then
    if then.outcome is PageOutcome.GONE or (then.outcome is PageOutcome.NOT_FOUND and state.missing):
        return Then(PageOutcome.GONE, entry=entry.model_copy(update={"gone": True}) if entry else None)
    if state.check_at is None:
        kept = PageState(url=state.url, **then.validators)
        return _checked_in(then, kept, plan[0], now) if plan and then.outcome in _STANDS else then
    return _next_check(_compared(then, entry), state, plan, now)


def _compared(then: Then, entry: Entry | None) -> Then:
    if then.outcome is not PageOutcome.READ:
        return then
    if entry and then.entry and then.entry.text == entry.text:
        return replace(then, outcome=PageOutcome.UNCHANGED, entry=None)
    return replace(then, outcome=PageOutcome.CHANGED)


def _next_check(then: Then, state: PageState, plan: Sequence[float], now: datetime) -> Then:
    """A 404 is looked at again soon, and before it counts as a check: the site may be at fault."""
    missing = then.outcome is PageOutcome.NOT_FOUND
    state = state.model_copy(update={**then.validators, "hops": 0, "missing": missing})
    if missing and plan:
        return _checked_in(then, state, plan[0], now)
    made = state.checks + 1
    if made >= len(plan) or then.outcome in _LAST:
        return then
    return _checked_in(then, state.model_copy(update={"checks": made}), plan[made] - plan[made - 1], now)


def _checked_in(then: Then, state: PageState, seconds: float, now: datetime) -> Then:
    at = now + timedelta(seconds=seconds)
    return replace(then, state=state.model_copy(update={"check_at": at}), after=seconds)
