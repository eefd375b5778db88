"""What an address is, in every spelling that ever got past a check."""

from __future__ import annotations

from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roundhouse.core.errors import AddressRefused, BadInput
from roundhouse.infra.egress.addresses import (
    OPERATOR_RULES,
    DialRules,
    Reach,
    check_headers,
    parse_networks,
    parse_url,
    reach_of,
)

PUBLIC = ["8.8.8.8", "1.1.1.1", "2606:4700:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808", "172.32.0.1"]
PRIVATE = [
    "127.0.0.1",
    "127.255.255.254",
    "0.0.0.0",
    "0.1.2.3",
    "10.1.2.3",
    "172.16.0.1",
    "172.31.255.255",
    "192.168.1.1",
    "100.64.0.1",
    "192.0.0.8",
    "192.0.2.1",
    "192.88.99.1",
    "198.18.0.1",
    "198.19.255.255",
    "198.51.100.1",
    "203.0.113.1",
    "240.0.0.1",
    "::",
    "::1",
    "::127.0.0.1",
    "::ffff:127.0.0.1",
    "::ffff:10.0.0.1",
    "::ffff:0.0.0.0",
    "64:ff9b::7f00:1",
    "64:ff9b:1::1",
    "2002:7f00:1::",
    "2002:808:808::1",
    "2001::1",
    "2001:db8::1",
    "3fff::1",
    "fc00::1",
    "fd12:3456::1",
    "fec0::1",
    "5f00::1",
    "100::1",
    "4000::1",
]
NEVER = [
    "169.254.0.1",
    "169.254.169.254",
    "100.100.100.200",
    "168.63.129.16",
    "192.0.0.192",
    "224.0.0.1",
    "239.255.255.255",
    "255.255.255.255",
    "fe80::1",
    "febf::1",
    "fd00:ec2::254",
    "fd20:ce::254",
    "ff02::1",
    "::ffff:169.254.169.254",
    "::169.254.169.254",
    "64:ff9b::a9fe:a9fe",
    "2002:a9fe:a9fe::",
]


@pytest.mark.parametrize(
    ("text", "reach"),
    [(text, Reach.PUBLIC) for text in PUBLIC]
    + [(text, Reach.PRIVATE) for text in PRIVATE]
    + [(text, Reach.NEVER) for text in NEVER],
)
def test_reach(text: str, reach: Reach) -> None:
    assert reach_of(ip_address(text)) is reach


@given(st.ip_addresses())
def test_users_reach_public_addresses_only(ip: object) -> None:
    address = ip_address(str(ip))
    if DialRules().allows(address):
        # The standard library's own table is the second opinion; it never calls public what ours refuses.
        assert address.is_global
        assert not address.is_multicast


def test_rules() -> None:
    rules = DialRules(networks=parse_networks(["192.168.1.7/24", "fd12::/16", "169.254.0.0/16"]))
    assert rules.allows(ip_address("192.168.1.200"))
    assert rules.allows(ip_address("::ffff:192.168.1.200"))
    assert rules.allows(ip_address("fd12::1"))
    assert not rules.allows(ip_address("192.168.2.1"))
    assert not rules.allows(ip_address("169.254.169.254")), "metadata addresses cannot be allowed"
    assert OPERATOR_RULES.allows(ip_address("127.0.0.1"))
    assert not OPERATOR_RULES.allows(ip_address("169.254.169.254"))
    with pytest.raises(BadInput, match="allow_networks"):
        parse_networks(["300.1.1.1/8"])


REFUSED_SPELLINGS = [
    "http://2130706433/",
    "http://0x7f000001/",
    "http://0x7f.1/",
    "http://0177.0.0.1/",
    "http://127.1/",
    "http://127.0.0.01/",
    "http://1.2.3.4.5/",
    "http://256.1.1.1/",
    "http://example.0x1/",
    "http://0/",
    "http://１２７.1/",
]


@pytest.mark.parametrize("url", REFUSED_SPELLINGS)
def test_unusual_ipv4_spellings(url: str) -> None:
    with pytest.raises(AddressRefused):
        parse_url(url)


BAD_URLS = [
    "http://a@127.0.0.1\\@b",
    "http://a@b/",
    "http://a:b@c/",
    "http://@c/",
    "http://127%2e0%2e0%2e1/",
    "http://127.0.0.1%23@b/",
    "http://b#@127.0.0.1/@",
    "http://a\\b/",
    "http://a/\\b",
    "http://a\tb/",
    "http://a/\tb",
    "\thttp://a/",
    "http://a/ b",
    "http://a\n/",
    "http://a/\r\nHost: b",
    "http://a/\0",
    "http://a\u2028/",
    "http://a\u00a0b/",
    "http:/a/",
    "http:a",
    "//a/",
    "a/b",
    "",
    "http://",
    "http:///a",
    "http://:80/",
    "http://a:/x",
    "http://a:0/",
    "http://a:65536/",
    "http://a:8o/",
    "http://[::1/",
    "http://[fe80::1%25eth0]/",
    "http://[zz]/",
    "http://a..b/",
    "http://-a/",
    "http://a-/",
    "http://" + "a" * 64 + "/",
    "http://" + "a." * 150 + "a/",
    "http://a/" + "b" * 9000,
    "ftp://a/",
    "file:///etc/passwd",
    "gopher://a/",
    "javascript://a/",
    "data://a/",
]


@pytest.mark.parametrize("url", [url for url in BAD_URLS if url != "http://b#@127.0.0.1/@"])
def test_bad_urls(url: str) -> None:
    with pytest.raises(BadInput):
        parse_url(url)


def test_what_follows_the_fragment_is_not_a_host() -> None:
    assert parse_url("http://b.test#@127.0.0.1/@").host == "b.test"


def test_parts() -> None:
    url = parse_url("HTTPS://Example.COM.:8443/a%20b/ü?q=ä&r=[1]#frag")
    assert (url.scheme, url.host, url.port) == ("https", "example.com", 8443)
    assert url.target == "/a%20b/%C3%BC?q=%C3%A4&r=[1]"
    assert str(url) == "https://example.com:8443/a%20b/%C3%BC?q=%C3%A4&r=[1]"
    assert parse_url("http://a?b=1").target == "/?b=1"
    assert parse_url("http://a").authority == "a"
    assert parse_url("https://a:443/").authority == "a"
    assert parse_url("https://a:80/").authority == "a:80"
    assert parse_url("http://[0:0::1]:81/x").authority == "[::1]:81"
    assert parse_url("http://bücher.test/").host == "xn--bcher-kva.test"
    assert parse_url("http://my_service:8000/v1").host == "my_service"
    assert parse_url("http://１２７.０.０.１/").ip == ip_address("127.0.0.1")


@given(st.text(max_size=40), st.text(max_size=20))
def test_no_text_becomes_a_line_break(host: str, path: str) -> None:
    try:
        url = parse_url(f"http://{host}/{path}")
    except BadInput:
        return
    line = f"GET {url.target} HTTP/1.1\r\nHost: {url.authority}"
    assert line.isascii()
    assert len(line.split()) == 5


def test_headers() -> None:
    assert check_headers({"X-A": " b\tc "}) == {"X-A": "b\tc"}
    assert check_headers(None) == {}
    with pytest.raises(BadInput) as caught:
        check_headers({"Authorization": "Bearer secret\r\nX: y"})
    assert "secret" not in caught.value.detail
