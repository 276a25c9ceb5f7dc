"""HTTP to the open internet: guarded against private addresses, bounded in time and in bytes."""

from shared.http.addresses import is_public
from shared.http.client import GuardedClient, Limits, Redirect, Response

__all__ = ["GuardedClient", "Limits", "Redirect", "Response", "is_public"]
