"""Which addresses a client that fetches strangers' URLs may connect to.

Written out instead of asking `ipaddress.is_global`, which differs between Python versions and lets through NAT64,
6to4 and site-local addresses, that is: private IPv4 hosts in disguise.

Sources: the IANA IPv4 and IPv6 Special-Purpose Address Registries (RFC 6890) and IPv6 Address Space (RFC 4291);
the cloud providers' pages on their metadata services.
"""

from collections.abc import Iterable
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

_DENIED_V4 = tuple(
    map(
        IPv4Network,
        (
            "0.0.0.0/8",  # this network, unspecified
            "10.0.0.0/8",  # private
            "100.64.0.0/10",  # carrier-grade NAT; Alibaba's metadata
            "127.0.0.0/8",  # loopback
            "168.63.129.16/32",  # Azure's platform service, on an address that looks public
            "169.254.0.0/16",  # link-local; metadata of most clouds
            "172.16.0.0/12",  # private
            "192.0.0.0/24",  # protocol assignments; Oracle's metadata
            "192.0.2.0/24",  # documentation
            "192.31.196.0/24",  # AS112 sinks
            "192.52.193.0/24",  # multicast relays
            "192.88.99.0/24",  # 6to4 relays
            "192.168.0.0/16",  # private
            "192.175.48.0/24",  # AS112 sinks
            "198.18.0.0/15",  # benchmarking
            "198.51.100.0/24",  # documentation
            "203.0.113.0/24",  # documentation
            "224.0.0.0/4",  # multicast
            "240.0.0.0/4",  # reserved, broadcast
        ),
    )
)

# Outside: loopback, mapped or translated IPv4, unique local, link-local, site-local, multicast, reserved.
_GLOBAL_UNICAST_V6 = IPv6Network("2000::/3")
_DENIED_V6 = tuple(
    map(
        IPv6Network,
        (
            "2001::/23",  # protocol assignments: Teredo, benchmarking, ORCHID
            "2001:db8::/32",  # documentation
            "2002::/16",  # 6to4: an IPv4 address inside
            "2620:4f:8000::/48",  # AS112 sinks
            "3fff::/20",  # documentation
        ),
    )
)


def is_public(address: Address, allow: Iterable[Network] = ()) -> bool:
    """Whether `address` is a host of the public internet, or lies in a network of `allow` (intranets, tests)."""
    if any(address in network for network in allow):
        return True
    if isinstance(address, IPv4Address):
        return not any(address in network for network in _DENIED_V4)
    return address in _GLOBAL_UNICAST_V6 and not any(address in network for network in _DENIED_V6)
