"""Addresses of doubles: `127.64.0.29:8000`, on loopback only."""

from __future__ import annotations

from ipaddress import ip_address

DEFAULT_PORT = 8000
_LARGEST_PORT = 65535


def parse_address(address: str) -> tuple[str, int]:
    """Return host and port; the port is 8000 unless stated.

    Raises:
        ValueError: the address is not on loopback, or not an address.
    """
    host, _, port_text = address.partition(":")
    try:
        parsed = ip_address(host)
        port = int(port_text) if port_text else DEFAULT_PORT
    except ValueError as error:
        raise ValueError(f"an address must read like 127.64.0.29:8000, found {address!r}: correct it") from error
    if not parsed.is_loopback or not 0 < port <= _LARGEST_PORT:
        raise ValueError(f"doubles listen in 127.0.0.0/8 on ports 1 to {_LARGEST_PORT}, found {address!r}: choose one")
    return host, port
