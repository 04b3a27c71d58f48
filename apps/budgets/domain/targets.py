"""Which addresses Bursar may speak to on somebody's word: rules for a URL, and for what its host resolves to."""

import ipaddress
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

# What `is_global` of the standard library lets through, or knows only in newer versions. Outside 2000::/3 no address
# of IPv6 is public, so mapped, translated (64:ff9b::/96) and site-local ones need no line of their own.
FORBIDDEN = tuple(
    ipaddress.ip_network(text)
    for text in (
        "192.0.0.0/24",  # protocols of the IETF, clouds' metadata
        "192.88.99.0/24",  # relays of 6to4
        "2001::/23",  # Teredo, ORCHID, benchmarking and other protocols of the IETF
        "2001:db8::/32",
        "2002::/16",  # 6to4: an IPv4 address inside
        "3fff::/20",  # documentation
    )
)
PUBLIC_V6 = ipaddress.ip_network("2000::/3")
ISATAP = (0x00005EFE, 0x02005EFE)
_HOST = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)(\.(?!-)[a-z0-9_-]{1,63}(?<!-))*\.?")
_LAST_IS_NUMBER = re.compile(r"(^|\.)(0x[0-9a-f]*|[0-9]+)\.?$")
_ODD = re.compile(r"[\x00-\x20\x7f-\x9f\\]")


class Forbidden(Exception):
    """Bursar does not speak to this address. The text says why, to the person who typed it."""


@dataclass(frozen=True, slots=True)
class Target:
    """A checked URL: where to connect, what to call the host, what to ask for."""

    scheme: str
    host: str
    port: int
    path: str

    @property
    def host_header(self) -> str:
        """The host as HTTP names it, with its port unless it is the scheme's own."""
        name = f"[{self.host}]" if ":" in self.host else self.host
        return name if self.port == {"https": 443, "http": 80}[self.scheme] else f"{name}:{self.port}"


def parse_target(url: str) -> Target:
    """The parts of an http or https URL in their one spelling. Raises Forbidden for anything odd."""
    if not url or len(url) > 2_000 or _ODD.search(url):
        raise Forbidden("The address is empty, too long, or has spaces, backslashes or control characters in it.")
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError as error:
        raise Forbidden("The address is not a URL.") from error
    if parts.scheme not in ("https", "http"):
        raise Forbidden("The address has to begin with https://.")
    if "@" in parts.netloc:
        raise Forbidden("The address must not have a user name or password in it.")
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    if not path.isascii():
        raise Forbidden("The path of the address has to be percent-encoded.")
    usual = 443 if parts.scheme == "https" else 80
    return Target(parts.scheme, _canonical(host, "[" in parts.netloc), usual if port is None else port, path)


def refuse_target(target: Target, addresses: Sequence[str], *, ports: Collection[int], own: Sequence[Network]) -> None:
    """Raises Forbidden unless every one of the addresses may be spoken to.

    Public addresses by https on the allowed ports; addresses in `own`, the operator's networks, in any way.
    """
    if not addresses:
        raise Forbidden(f"{target.host} has no address.")
    found = [_unmapped(address) for address in addresses]
    if all(any(address in network for network in own if network.version == address.version) for address in found):
        return
    if target.scheme != "https":
        raise Forbidden("The address has to begin with https://.")
    if target.port not in ports:
        raise Forbidden(f"Port {target.port} is not among the allowed ones: {', '.join(map(str, sorted(ports)))}.")
    for address in found:
        if not is_public(address):
            raise Forbidden(f"{target.host} leads to {address}, which is not a public address.")


def is_public(address: Address) -> bool:
    """True for an address of the public internet that is one machine's own."""
    if any(address in network for network in FORBIDDEN if network.version == address.version):
        return False
    if address.version == 6 and (address not in PUBLIC_V6 or (int(address) >> 32) & 0xFFFFFFFF in ISATAP):
        return False
    return address.is_global and not address.is_multicast


def _unmapped(text: str) -> Address:
    address = ipaddress.ip_address(text)
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return mapped or address


def _canonical(host: str, bracketed: bool) -> str:
    """The host in small ASCII letters, or an IP address in its one spelling. Raises Forbidden."""
    if bracketed:
        return _literal(host, 6)
    try:
        host = host if host.isascii() else host.encode("idna").decode().lower()
    except UnicodeError as error:
        raise Forbidden("The name of the host is not a valid one.") from error
    if _LAST_IS_NUMBER.search(host):
        return _literal(host, 4)
    if len(host) > 253 or not _HOST.fullmatch(host):
        raise Forbidden("The name of the host is not a valid one.")
    return host


def _literal(host: str, version: int) -> str:
    """127.1, 0x7f.1, 2130706433 and zones (fe80::1%eth0) are spellings for which nobody has an honest use."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError as error:
        raise Forbidden("The host is not an IP address in its usual spelling.") from error
    if address.version != version or "%" in host:
        raise Forbidden("The host is not an IP address in its usual spelling.")
    return str(address)
