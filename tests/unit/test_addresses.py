"""The table of addresses that a fetched URL may or may not lead to, and of URLs that are fetched at all."""

from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.errors import BadUrl
from shared.http import is_public
from shared.http.urls import checked_url, headers_for, redirect_target

DENIED = {
    "unspecified": ["0.0.0.0", "0.1.2.3", "::"],
    "loopback": ["127.0.0.1", "127.255.255.254", "::1"],
    "private": ["10.0.0.1", "10.255.255.255", "172.16.0.1", "172.31.255.255", "192.168.0.1", "192.168.255.255"],
    "unique local": ["fc00::1", "fd12:3456:789a::1", "fdff:ffff::1"],
    "link-local": ["169.254.0.1", "169.254.255.255", "fe80::1", "fe80::1%eth0", "febf::1"],
    "site-local": ["fec0::1", "feff::1"],
    "carrier-grade NAT": ["100.64.0.1", "100.127.255.255"],
    "cloud metadata": [
        "169.254.169.254",
        "169.254.170.2",
        "fd00:ec2::254",
        "168.63.129.16",
        "100.100.100.200",
        "192.0.0.192",
    ],
    "multicast": ["224.0.0.1", "239.255.255.255", "ff02::1", "ff0e::1"],
    "reserved and broadcast": ["240.0.0.1", "255.255.255.255", "4000::1", "5f00::1", "e000::1"],
    "documentation": ["192.0.2.1", "198.51.100.1", "203.0.113.1", "2001:db8::1", "3fff::1"],
    "benchmarking": ["198.18.0.1", "198.19.255.255", "2001:2::1"],
    "protocol assignments": ["192.0.0.1", "2001:20::1", "2001:1ff:ffff::1"],
    "AS112 and multicast relays": ["192.31.196.1", "192.52.193.1", "192.175.48.1", "2620:4f:8000::1"],
    "6to4 relays": ["192.88.99.1", "192.88.99.255"],
    "NAT64": ["64:ff9b::7f00:1", "64:ff9b::a00:1", "64:ff9b::101:101", "64:ff9b:1::a00:1", "64:ff9b:1:ffff::1"],
    "6to4": ["2002:7f00:1::", "2002:a00:1::1", "2002:101:101::1"],
    "Teredo": ["2001::1", "2001:0:a00:1::1", "2001:0:ffff:ffff:ffff:ffff:ffff:ffff"],
    "IPv4-mapped": ["::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:1.1.1.1", "::ffff:0:1.1.1.1"],
    "IPv4-compatible": ["::127.0.0.1", "::10.0.0.1", "::1.1.1.1"],
    "discard": ["100::1"],
}
PUBLIC = [
    "1.1.1.1", "8.8.8.8", "9.255.255.255", "11.0.0.0", "100.63.255.255", "100.128.0.0", "126.255.255.255", "128.0.0.0",
    "168.63.129.15", "168.63.129.17", "169.253.255.255", "169.255.0.0", "172.15.255.255", "172.32.0.0", "192.0.1.0",
    "192.88.98.255", "192.88.100.0", "192.167.255.255", "192.169.0.0", "198.17.255.255", "198.20.0.0",
    "223.255.255.255",
    "2001:200::1", "2001:4860:4860::8888", "2001:db7::1", "2001:db9::1", "2003::1", "2606:4700:4700::1111",
    "2a00:1450::1",
    "3ffe::1",
]  # fmt: skip


@pytest.mark.parametrize("address", [pytest.param(a, id=f"{why}: {a}") for why, all_ in DENIED.items() for a in all_])
def test_an_address_that_is_not_a_public_host_is_denied(address: str) -> None:
    assert not is_public(ip_address(address))


@pytest.mark.parametrize("address", PUBLIC)
def test_a_public_address_is_allowed(address: str) -> None:
    assert is_public(ip_address(address))


@given(st.ip_addresses())
def test_nothing_is_public_that_the_standard_library_knows_to_be_otherwise(address: IPv6Address) -> None:
    assert not is_public(address) or (address.is_global and not address.is_multicast)


@given(st.ip_addresses(v=6, network="::/8") | st.ip_addresses(v=6, network="2002::/16"))
def test_no_address_that_embeds_an_ipv4_address_is_public(address: IPv6Address) -> None:
    assert not is_public(address)


def test_an_allowed_network_opens_itself_and_nothing_else() -> None:
    allow: list[IPv4Network | IPv6Network] = [IPv4Network("10.1.0.0/16"), IPv6Network("fd00::/64")]
    assert is_public(ip_address("10.1.2.3"), allow)
    assert is_public(ip_address("fd00::1"), allow)
    assert is_public(ip_address("1.1.1.1"), allow)
    assert not is_public(ip_address("10.2.0.1"), allow)
    assert not is_public(ip_address("fd00:0:0:1::1"), allow)
    assert not is_public(ip_address("::ffff:10.1.2.3"), allow)


@pytest.mark.parametrize(
    "url",
    [
        "http://2130706433/",
        "http://0x7f000001/",
        "http://0x7f.0.0.1/",
        "http://0177.0.0.1/",
        "http://127.1/",
        "http://127.0.0.1./",
        "http://127.0.0.01/",
        "http://256.0.0.1/",
        "http://1.2.3.4.5/",
        "http://news.example.0x/",
        "http://127%2e0.0.1/",
        "http://１２７.0.0.1/",
        "http://[fe80::1%25eth0]/",
        "http://[fe80::1%eth0]/",
        "http://[::1/",
        "http://[1::2::3]/",
        "http://[v1.x]/",
        "http://news.example./",
        "http://news..example/",
        "http://.example/",
        "http://user@news.example/",
        "http://user:secret@news.example/",
        "http://news.example\\@other.example/",
        "http://news example/",
        "http://news.example:0/",
        "http://news.example:65536/",
        "http://news.example:x/",
        f"http://{'a' * 64}.example/",
        f"http://{'a.' * 127}example/",
        "http:///path",
        "http:path",
        "http://",
        "//news.example/",
        "/path",
        "",
        " http://news.example/",
        "http://news.example/\n",
        "http://news.example/\x00",
        "file:///etc/passwd",
        "ftp://news.example/",
        "gopher://news.example/",
        "javascript:alert(1)",
        "data:,x",
    ],
)
def test_a_url_without_a_plain_name_or_canonical_address_is_refused(url: str) -> None:
    with pytest.raises(BadUrl) as refusal:
        checked_url(url)
    assert "secret" not in str(refusal.value)


@pytest.mark.parametrize(
    ("url", "normal"),
    [
        ("HTTP://News.Example:80/a?b#c", "http://news.example/a?b"),
        ("https://münchen.example/", "https://xn--mnchen-3ya.example/"),
        ("http://a_b-.news.example:8080", "http://a_b-.news.example:8080/"),
        ("http://1.1.1.1/", "http://1.1.1.1/"),
        ("http://127。0。0。1/", "http://127.0.0.1/"),
        ("http://[2606:4700:4700::1111]:8443/x", "http://[2606:4700:4700::1111]:8443/x"),
        ("http://3com.example/", "http://3com.example/"),
        ("http://localhost/", "http://localhost/"),
    ],
)
def test_a_url_is_normalised(url: str, normal: str) -> None:
    assert str(checked_url(url)) == normal


@given(st.text() | st.builds("http://{}{}".format, st.text(), st.text()))
def test_any_text_is_a_checked_url_or_a_bad_one(text: str) -> None:
    try:
        url = checked_url(text)
    except BadUrl:
        return
    assert url.scheme in {"http", "https"}
    assert checked_url(str(url)) == url


@pytest.mark.parametrize(
    ("status", "location", "target"),
    [
        (301, "/b", "http://news.example/b"),
        (302, "b?c", "http://news.example/feeds/b?c"),
        (303, "//other.example/", "http://other.example/"),
        (307, "https://news.example/feeds/a", "https://news.example/feeds/a"),
        (308, " /b#top ", "http://news.example/b"),
        (300, "/b", None),
        (304, "/b", None),
        (200, "/b", None),
        (301, "", None),
    ],
)
def test_a_redirect_leads_to_its_location(status: int, location: str, target: str | None) -> None:
    found = redirect_target(httpx.URL("http://news.example/feeds/a"), status, {"location": location})
    assert (str(found) if found else None) == target


@pytest.mark.parametrize(
    "location", ["ftp://news.example/", "http://127.1/", "http://u:p@news.example/", "http://[::1"]
)
def test_a_redirect_to_what_is_not_fetched_is_a_bad_url(location: str) -> None:
    with pytest.raises(BadUrl):
        redirect_target(httpx.URL("http://news.example/"), 302, {"location": location})


@pytest.mark.parametrize(
    ("source", "target", "trusted"),
    [
        ("https://news.example/a", "https://news.example/b", True),
        ("http://news.example/", "https://news.example/", True),
        ("https://news.example/", "http://news.example/", False),
        ("https://news.example/", "https://cdn.news.example/", False),
        ("https://news.example/", "https://news.example:8443/", False),
        ("http://news.example:8080/", "https://news.example/", False),
    ],
)
def test_only_the_same_origin_or_its_upgrade_gets_secrets(source: str, target: str, trusted: bool) -> None:
    headers = {"authorization": "Bearer x", "cookie": "a=b", "x-api-key": "k", "if-none-match": '"e"'}
    kept = headers_for(httpx.URL(target), httpx.URL(source), headers)
    assert set(kept) == ({"authorization", "cookie", "x-api-key", "if-none-match"} if trusted else {"if-none-match"})
