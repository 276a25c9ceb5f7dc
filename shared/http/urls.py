"""Which URLs are fetched, and what a redirect leads to and may carry along. Pure: nothing is resolved here."""

import re
from collections.abc import Mapping
from ipaddress import AddressValueError, IPv4Address, IPv6Address

import httpx

from shared.errors import BadUrl

_NAME = re.compile(r"(?!.{254})(?:[a-z0-9_-]{1,63}\.)*[a-z0-9_-]{1,63}")
# The WHATWG URL Standard's "ends in a number": resolvers take such hosts for IPv4 addresses in odd notation.
_NUMERIC = re.compile(r"(?:.*\.)?(?:[0-9]+|0x[0-9a-f]*)")

_REDIRECTS = frozenset({301, 302, 303, 307, 308})
# Another host gets no more than this: any other header may carry a secret, whatever its name is.
_FOR_STRANGERS = frozenset(
    [
        "accept",
        "accept-encoding",
        "accept-language",
        "cache-control",
        "user-agent",
        "if-modified-since",
        "if-none-match",
    ]
)


def checked_url(url: str | httpx.URL) -> httpx.URL:
    """`url`, normalised and without its fragment.

    Raises BadUrl unless it is http or https, has no userinfo, and its host is a plain name, a dotted-quad IPv4 address
    or an IPv6 address without a zone.
    """
    try:
        parsed = httpx.URL(url)
        _ = parsed.host  # of what claims to be IDNA (RFC 5891), and is not, httpx notices only now
    except (httpx.InvalidURL, UnicodeError) as error:
        raise BadUrl("the URL is malformed") from error
    problem = _problem(parsed)
    if problem:
        raise BadUrl(problem)
    return _without_fragment(parsed)


def _without_fragment(url: httpx.URL) -> httpx.URL:
    """With a path, too, if only "/"."""
    plain = f"{url.scheme}://{url.netloc.decode('ascii')}{url.raw_path.decode('ascii')}"
    return url if plain == str(url) else httpx.URL(plain)


def _problem(url: httpx.URL) -> str | None:
    if url.scheme not in {"http", "https"}:
        return f"{url.scheme[:20]!r} is not http or https"
    host = url.raw_host.decode("ascii")
    if not _is_plain(host):
        return f"{host[:80]!r} is neither a plain host name nor a canonical address"
    if url.userinfo:
        return f"{host}: credentials do not belong in a URL"
    if url.port is not None and not 0 < url.port < 65536:
        return f"{host}: {url.port} is not a port"
    return None


def _is_plain(host: str) -> bool:
    try:
        if ":" in host:
            return IPv6Address(host).scope_id is None
        return _NAME.fullmatch(host) is not None and (not _NUMERIC.fullmatch(host) or IPv4Address(host) is not None)
    except AddressValueError:
        return False


def redirect_target(url: httpx.URL, status: int, headers: Mapping[str, str]) -> httpx.URL | None:
    """Where a response redirects to (RFC 9110, 15.4); None: it does not. Raises BadUrl."""
    location = headers.get("location", "").strip() if status in _REDIRECTS else ""
    if not location:
        return None
    try:
        return checked_url(url.join(location))
    except (httpx.InvalidURL, UnicodeError) as error:
        raise BadUrl(f"{url.host}: redirects to a malformed URL") from error


def headers_for(target: httpx.URL, source: httpx.URL, headers: dict[str, str]) -> dict[str, str]:
    """What of the `headers` sent to `source` may be sent to `target`, to which it redirected; names in lower case."""
    if _origin(target) == _origin(source) or _is_upgrade(source, target):
        return headers
    return {name: value for name, value in headers.items() if name in _FOR_STRANGERS}


def _origin(url: httpx.URL) -> tuple[str, str, int | None]:
    return url.scheme, url.host, url.port


def _is_upgrade(source: httpx.URL, target: httpx.URL) -> bool:
    """The same host's step from http to https, both on their usual ports."""
    return _origin(source) == ("http", target.host, None) and _origin(target) == ("https", source.host, None)
