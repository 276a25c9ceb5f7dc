"""The guard: names are resolved once, every address is checked, and only checked addresses get a socket."""

import asyncio
import socket
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from ipaddress import ip_address

from aiohttp import AddrInfoType
from aiohttp.abc import AbstractResolver, ResolveResult

from shared.errors import AddressDenied, DnsError
from shared.http.addresses import Network, is_public

_LOOKUPS = 64


class SystemResolver(AbstractResolver):
    """getaddrinfo in threads of its own.

    A dead name server blocks a lookup for many seconds; the few threads of the loop's default executor would soon all
    wait for such names, and with them every other lookup and whatever else runs there.
    """

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(_LOOKUPS, thread_name_prefix="dns")

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        loop = asyncio.get_running_loop()
        found = await loop.run_in_executor(
            self._threads, lambda: socket.getaddrinfo(host, port, family, socket.SOCK_STREAM)
        )
        return [
            ResolveResult(hostname=host, host=str(where[0]), port=port, family=kind, proto=proto, flags=0)
            for kind, _, proto, _, where in found
        ]

    async def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)


class GuardedResolver(AbstractResolver):
    """Answers with public addresses or not at all: one address that is denied condemns the whole name."""

    def __init__(self, resolver: AbstractResolver, allow: Sequence[Network], seconds: float) -> None:
        self._resolver = resolver
        self._allow = allow
        self._seconds = seconds

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        try:
            async with asyncio.timeout(self._seconds):
                found = await self._resolver.resolve(host, port, family)
        except TimeoutError as error:
            raise DnsError(f"the name did not resolve within {self._seconds:g} s") from error
        except (OSError, UnicodeError) as error:
            raise DnsError(f"the name does not resolve: {getattr(error, 'strerror', None) or error}") from error
        if not found:
            raise DnsError("the name has no address")
        for result in found:
            if not is_public(ip_address(result["host"]), self._allow):
                raise AddressDenied(f"resolves to {result['host']}, which is not a public address")
        return found

    async def close(self) -> None:
        await self._resolver.close()


class GuardedSockets:
    """Opens sockets to public addresses only.

    Literal addresses in URLs never reach a resolver; this last gate stands before every connection, whichever parser
    read the URL.
    """

    def __init__(self, allow: Sequence[Network]) -> None:
        # Reading an address costs more than opening a socket to it.
        self._is_public = lru_cache(maxsize=4096)(lambda address: is_public(ip_address(address), allow))

    def __call__(self, info: AddrInfoType) -> socket.socket:
        family, kind, protocol, _, where = info
        if not self._is_public(where[0]):
            raise AddressDenied("not a public address")
        return socket.socket(family, kind, protocol)
