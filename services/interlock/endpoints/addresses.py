"""Which addresses may be told anything: whoever adds an endpoint must not reach what only this machine can reach.

Never: link-local addresses, where clouds keep the machine's own credentials, what else they use for it, multicast,
and addresses that mean nothing. Private ones are where many endpoints are. This machine itself only where the
settings say so. Plain http only to private addresses and to this machine.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Final
from urllib.parse import urlsplit

URL_CHARACTERS_MAX: Final = 2_000
PORTS: Final = {"http": 80, "https": 443}
# Where clouds answer for the machine besides 169.254.169.254, which is link-local.
METADATA: Final = frozenset({"100.100.100.200", "192.0.0.192", "168.63.129.16", "fd00:ec2::254", "fd20:ce::254"})
_HOST: Final = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?|[0-9A-Fa-f:.]{2,45}")
_PATH: Final = re.compile(r"[!-~]*")

Address = IPv4Address | IPv6Address


class NotAllowed(ValueError):
    """nothing is sent to this address"""


@dataclass(frozen=True, slots=True)
class Rules:
    """What the settings allow: `loopback` lets endpoints be on this very machine."""

    loopback: bool = False


@dataclass(frozen=True, slots=True)
class Target:
    """An address in its parts. `path` may hold a token; it is never shown."""

    scheme: str
    host: str
    port: int
    path: str

    @property
    def shown(self) -> str:
        """What may be shown of it."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        port = "" if self.port == PORTS[self.scheme] else f":{self.port}"
        return f"{self.scheme}://{host}{port}/…"


def target_of(url: str) -> Target:
    """Return the parts of an address. Raises NotAllowed, which never shows it."""
    if len(url) > URL_CHARACTERS_MAX:
        raise NotAllowed(f"an address has at most {URL_CHARACTERS_MAX} characters")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as wrong:
        raise NotAllowed("it is no address") from wrong
    if parts.scheme not in PORTS:
        raise NotAllowed("it does not begin with https:// or http://")
    if parts.username is not None or parts.password is not None:
        raise NotAllowed("it holds a user or a password")
    if parts.hostname is None or not _HOST.fullmatch(parts.hostname) or port == 0:
        raise NotAllowed("it names no host")
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    if not _PATH.fullmatch(path):
        raise NotAllowed("its path holds signs that no address has")
    target = Target(parts.scheme, parts.hostname, port or PORTS[parts.scheme], path)
    try:
        literal = ip_address(target.host)
    except ValueError:
        return target
    # What is written as a number is refused at once; what a name leads to is looked at whenever something is sent.
    allowed_address(literal, target.scheme, Rules(loopback=True))
    return target


def allowed_address(address: Address, scheme: str, rules: Rules) -> None:
    """Return where something may be sent to this address. Raises NotAllowed."""
    real = _unwrapped(address)
    if str(real) in METADATA:
        raise NotAllowed(f"{address} answers for this machine's cloud")
    if real.is_unspecified or real.is_multicast or real.is_link_local or (real.is_reserved and not real.is_loopback):
        raise NotAllowed(f"{address} is no address of an endpoint")
    if isinstance(real, IPv6Address) and real.is_site_local:
        raise NotAllowed(f"{address} is no address of an endpoint")
    if isinstance(real, IPv4Address) and (int(real) >> 24 == 0 or int(real) == 0xFFFFFFFF):
        raise NotAllowed(f"{address} is no address of an endpoint")
    if real.is_loopback and not rules.loopback:
        raise NotAllowed(f"{address} is this machine itself; [notify] loopback = true allows that")
    if scheme == "http" and not (real.is_private or real.is_loopback):
        raise NotAllowed(f"{address} is out in the internet: only https goes there")


def _unwrapped(address: Address) -> Address:
    """Return the IPv4 address inside an IPv6 one: the network would lead to that."""
    if isinstance(address, IPv4Address):
        return address
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if address.sixtofour is not None:
        return address.sixtofour
    if address.teredo is not None:
        return address.teredo[1]
    if int(address) >> 32 == 0x0064FF9B << 64:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return address
