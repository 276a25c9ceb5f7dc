"""Every key that Tocsin writes into Redis: built here and nowhere else.

A key is a function of its parts. `@_key` puts the prefix before what the function returns and writes the row of TABLE,
whose pattern is the function called with its parameters' names; so the table cannot differ from the code.
"""

from collections.abc import Callable
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


# Leased due-sets. `name`: feeds, deliveries.


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
