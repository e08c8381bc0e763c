"""Which addresses may be told anything."""

from __future__ import annotations

from ipaddress import ip_address

import pytest

from interlock.endpoints import NotAllowed, Rules, allowed_address, target_of


@pytest.mark.parametrize("address", [
    "169.254.169.254", "169.254.0.1", "fe80::1", "::ffff:169.254.169.254", "64:ff9b::a9fe:a9fe", "2002:a9fe:a9fe::1",
    "100.100.100.200", "fd00:ec2::254", "168.63.129.16", "0.0.0.0", "0.1.2.3", "::", "224.0.0.1", "ff02::1",
    "255.255.255.255", "240.0.0.1", "fec0::1",
])  # fmt: skip
def test_what_only_this_machine_can_reach_is_never_told(address: str) -> None:
    with pytest.raises(NotAllowed):
        allowed_address(ip_address(address), "https", Rules(loopback=True))


@pytest.mark.parametrize("address", ["127.0.0.1", "127.8.8.8", "::1", "::ffff:127.0.0.1"])
def test_this_machine_only_where_the_settings_say_so(address: str) -> None:
    allowed_address(ip_address(address), "http", Rules(loopback=True))
    with pytest.raises(NotAllowed, match="this machine itself"):
        allowed_address(ip_address(address), "http", Rules())


def test_plain_http_goes_to_private_addresses_only() -> None:
    for address in ("10.1.2.3", "192.168.1.1", "fd12::1"):
        allowed_address(ip_address(address), "http", Rules())
    allowed_address(ip_address("93.184.216.34"), "https", Rules())
    with pytest.raises(NotAllowed, match="only https goes there"):
        allowed_address(ip_address("93.184.216.34"), "http", Rules())


@pytest.mark.parametrize("url", [
    "ftp://a.example/", "https://u:p@a.example/", "https:///x", "https://a.example:0/", "https://a.example:99999/",
    "https://a b/", "https://a.example/\r\nhost: b", "https://169.254.169.254/", "http://[fe80::1]/", "x" * 3_000,
    "https://a.example/caf\u00e9",
])  # fmt: skip
def test_what_is_no_address_of_an_endpoint_is_refused_and_not_repeated(url: str) -> None:
    with pytest.raises(NotAllowed) as refused:
        target_of(url)
    assert "u:p" not in str(refused.value)


def test_only_the_host_is_shown() -> None:
    target = target_of("https://hooks.example.com/services/T0/B0/secret?token=x")
    assert (target.shown, target.port, target.path) == (
        "https://hooks.example.com/…",
        443,
        "/services/T0/B0/secret?token=x",
    )
    assert target_of("http://[fd12::1]:8080/x").shown == "http://[fd12::1]:8080/…"
