"""The client's address behind proxies: only what a trusted proxy says is believed (ASVS 15.3.4)."""

from collections.abc import Sequence
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

Network = IPv4Network | IPv6Network


def parse_networks(texts: Sequence[str]) -> tuple[Network, ...]:
    """Networks like `10.0.0.0/8`. Raises ValueError for anything else."""
    return tuple(ip_network(text.strip(), strict=False) for text in texts if text.strip())


def client_address(remote: str, forwarded_for: str, trusted: Sequence[Network]) -> str | None:
    """The nearest address that is not a trusted proxy, walking X-Forwarded-For from the right.

    A header from an untrusted neighbour is ignored; None if the neighbour has no address (a unix socket).
    """
    address = _parse(remote)
    for text in reversed(forwarded_for.split(",")):
        if address is None or not any(address in network for network in trusted):
            break
        address = _parse(text) or address
    return str(address) if address else None


def is_within(address: str | None, networks: Sequence[Network]) -> bool:
    """True if the address is in one of the networks."""
    parsed = _parse(address or "")
    return parsed is not None and any(parsed in network for network in networks)


def neighbourhood(address: str | None) -> str:
    """The /24 (IPv4) or /64 (IPv6) of an address: what one guesser can easily own. Empty without an address."""
    parsed = _parse(address or "")
    if parsed is None:
        return ""
    prefix = 24 if isinstance(parsed, IPv4Address) else 64
    return str(ip_network((parsed, prefix), strict=False).network_address)


@lru_cache(maxsize=4096)
def _parse(text: str) -> IPv4Address | IPv6Address | None:
    try:
        address = ip_address(text.strip())
    except ValueError:
        return None
    mapped = getattr(address, "ipv4_mapped", None)
    return mapped or address
