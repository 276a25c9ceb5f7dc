"""Whether the trouble is the network's and not the feeds' (pure, but for its memory)."""

from collections import deque
from dataclasses import dataclass, field

from shared.models.feed import Outcome

WINDOW_SECONDS = 60.0
# Of so few polls half can fail by chance.
AT_LEAST = 10
SHARE = 0.5
_NETWORK_FAILURES = frozenset({Outcome.DNS_ERROR, Outcome.CONNECT_ERROR})


@dataclass(slots=True)
class Storm:
    """Remembers for a minute which polls failed to resolve or connect; times are Unix seconds."""

    _polls: deque[tuple[float, bool]] = field(default_factory=deque)

    def note(self, outcome: Outcome, now: float) -> bool:
        """Enter a poll's outcome; True if it failed in a storm, and so says nothing of its feed."""
        failed = outcome in _NETWORK_FAILURES
        self._polls.append((now, failed))
        while self._polls and self._polls[0][0] < now - WINDOW_SECONDS:
            self._polls.popleft()
        return failed and self.rages()

    def rages(self) -> bool:
        """At least half of the last minute's polls failed so."""
        failures = sum(failed for _, failed in self._polls)
        return len(self._polls) >= AT_LEAST and failures >= SHARE * len(self._polls)
