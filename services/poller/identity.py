"""Which items are the same, and which are new (pure).

An item's identity is its guid (scheme- and host-case-normalised), else its canonical link, else a hash of title and
lead; never its date. Beside it stands an alias, address and title together, by which an item whose guid was rotated is
known again for 7 days.
"""

import struct
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from re import compile as pattern
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from services.poller.parse import Item

ALIAS_DAYS = 7
KEEP_DAYS = 30
# A page that shows a counter changes with each poll.
CHANGES_TOLD = 3
LEAD = 200
_RECORD = struct.Struct("<8sH")  # hash, day number it was last listed
# Most addresses are already spelt so that there is nothing to take apart: it would cost four times as much.
_PLAIN_PAGE = pattern(r"https?://(?:www\.)?+([a-z0-9.-]+)(/[!\"$-:<->@-~]*)?")
_PLAIN_GUID = pattern(r"https?:(//[a-z0-9.:-]+(?:/[!\"$->@-~]*)?(?:\?[!\"$-~]+)?)")
_TRACKING = ("utm_", "fbclid", "gclid", "mc_cid", "mc_eid", "at_medium", "at_campaign", "cmpid")


@dataclass(frozen=True, slots=True)
class Identity:
    """8-byte hashes: which item it is, by what it is known again under another guid, and what it says."""

    key: bytes
    alias: bytes | None
    content: bytes = b""


def canonical_url(url: str) -> str:
    """One spelling per page: no scheme, lower-case host without `www.`, no fragment, no tracking parameters."""
    if page := _PLAIN_PAGE.fullmatch(url):
        return f"//{page[1]}{(page[2] or '').rstrip('/') or '/'}"
    parts = urlsplit(url)
    host = (parts.hostname or "").removeprefix("www.")
    port = f":{parts.port}" if parts.port not in (None, 80, 443) else ""
    query = urlencode([(k, v) for k, v in parse_qsl(parts.query, True) if not k.lower().startswith(_TRACKING)])
    return urlunsplit(("", host + port, parts.path.rstrip("/") or "/", query, ""))


def identify(items: Sequence[Item]) -> list[Identity]:
    """Identities in the items' order. What one document names alike is told apart by its link, then by its title."""
    links = [_safe_canonical(item.url) for item in items]
    guids = [_normal_guid(item.guid) for item in items]
    names = [_name(item, guid, link) for item, guid, link in zip(items, guids, links, strict=True)]
    names = _told_apart(names, [f"link {link}" for link in links])
    names = _told_apart(names, [f"title {item.title}" for item in items])
    aliases = [_alias(item, link or guid) for item, guid, link in zip(items, guids, links, strict=True)]
    says = [f"says {name}\n{item.title}\n{item.summary[:LEAD]}" for name, item in zip(names, items, strict=True)]
    return [Identity(_hash(n), alias, _hash(s)) for n, alias, s in zip(names, aliases, says, strict=True)]


def _name(item: Item, guid: str | None, link: str | None) -> str:
    if guid:
        return f"guid {guid}"
    return f"link {link}" if link else f"text {item.title}\n{item.summary[:LEAD]}"


def _told_apart(names: Sequence[str], details: Sequence[str]) -> list[str]:
    times = Counter(names)
    return [f"{name} {more}" if times[name] > 1 else name for name, more in zip(names, details, strict=True)]


def _alias(item: Item, address: str | None) -> bytes | None:
    return _hash(f"alias {address}\n{item.title.casefold()}") if address and item.title else None


def _normal_guid(guid: str | None) -> str | None:
    if guid and (address := _PLAIN_GUID.fullmatch(guid)):
        return address[1]
    if guid and guid[:8].lower().startswith(("http://", "https://")):
        try:
            parts = urlsplit(guid)
        except ValueError:
            return guid
        return urlunsplit(("", parts.netloc.lower(), parts.path, parts.query, parts.fragment))
    return guid


def _safe_canonical(url: str | None) -> str | None:
    try:
        return canonical_url(url) if url else None
    except ValueError:
        return url


def _hash(text: str) -> bytes:
    return sha256(text.encode("utf-8", "surrogatepass")).digest()[:8]


def entry_id(feed_id: str, identity: Identity, change: int = 0) -> str:
    """16 hex digits, the same for the same item of the same feed for ever; its n-th change is an entry of its own."""
    return sha256(feed_id.encode() + _changed(identity.key, change)).hexdigest()[:16]


def _changed(key: bytes, change: int) -> bytes:
    return sha256(key + bytes([change])).digest()[:8] if change else key


@dataclass(frozen=True, slots=True)
class SeenWindow:
    """What a feed has listed: hash → day number (days since 1970) it was last listed. 10 bytes a record when stored."""

    days: dict[bytes, int]

    @classmethod
    def from_bytes(cls, stored: bytes | None) -> "SeenWindow":
        return cls(dict(_RECORD.iter_unpack(stored)) if stored else {})

    def to_bytes(self) -> bytes:
        return b"".join(_RECORD.pack(key, day) for key, day in self.days.items())

    def knows(self, identity: Identity, today: int) -> bool:
        if identity.key in self.days:
            return True
        listed = self.days.get(identity.alias) if identity.alias else None
        return listed is not None and today - listed <= ALIAS_DAYS

    def change(self, identity: Identity) -> int:
        """0 if the item is new or says what it said; n if this is the n-th change of it, told up to the third."""
        if identity.key not in self.days or identity.content in self.days:
            return 0
        return next((n for n in range(1, CHANGES_TOLD + 1) if _changed(identity.key, n) not in self.days), 0)

    def after(self, listed: Iterable[Identity], today: int) -> "SeenWindow":
        """With these marked as listed today, and without what has not been listed for 30 days."""
        days = {key: day for key, day in self.days.items() if today - day <= KEEP_DAYS}
        for identity in listed:
            for mark in (identity.key, identity.alias, identity.content):
                if mark:
                    days[mark] = today
            if identity.key in self.days:
                days |= dict.fromkeys(self._changes(identity), today)
        return SeenWindow(days)

    def _changes(self, identity: Identity) -> Iterator[bytes]:
        """The marks of those told before, and of this one: they are told in turn, so none follows on a gap."""
        now = self.change(identity)
        for n in range(1, CHANGES_TOLD + 1):
            mark = _changed(identity.key, n)
            if n != now and mark not in self.days:
                return
            yield mark
