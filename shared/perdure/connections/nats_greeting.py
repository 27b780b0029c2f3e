"""Asks a NATS server for its name before any login: whose server is it?

A server greets each connection with an ``INFO`` line, which holds its name. The server of a suite is called
``perdure-<instance>``, after the id of the suite's start.
"""

import asyncio
import json
from ipaddress import ip_address
from typing import Final
from urllib.parse import urlsplit

__all__ = ["NothingListens", "Silent", "is_loopback", "is_of_a_suite", "server_name", "suite_server_name"]

_PREFIX: Final = "perdure"  # the whole name under 0.1
_PORT: Final = 4222


class NothingListens(ConnectionError):
    """Nothing listens at an address."""


class Silent(TimeoutError):
    """Something listens at an address, and does not answer in time: whose server it is, is not known."""


def suite_server_name(instance: str) -> str:
    """Return the name of the NATS server of a suite."""
    return f"{_PREFIX}-{instance}"


def is_of_a_suite(name: str) -> bool:
    """Return whether a server of this name belongs to some suite, as ``perdure up`` starts it."""
    return name == _PREFIX or name.startswith(f"{_PREFIX}-")


async def server_name(url: str, *, within: float) -> str | None:
    """Return the name of the NATS server at a URL; None if what listens there does not greet as NATS does.

    Args:
        url: ``nats://host:port``; NATS' own port is the default.
        within: Seconds to wait for the connection and the greeting, each.

    Raises:
        NothingListens: Nothing listens there.
        Silent: No connection, or no greeting, in time.
    """
    host, port = _address(url)
    try:
        async with asyncio.timeout(within):
            reader, writer = await asyncio.open_connection(host, port)
    except TimeoutError as error:
        raise Silent(f"{host}:{port}") from error
    except OSError as error:
        raise NothingListens(f"{host}:{port}") from error
    try:
        async with asyncio.timeout(within):
            verb, _, content = (await reader.readline()).decode().partition(" ")
        return str(json.loads(content)["server_name"]) if verb == "INFO" else None
    except TimeoutError as error:
        raise Silent(f"{host}:{port}") from error
    except (OSError, ValueError, KeyError, TypeError, UnicodeDecodeError):
        return None
    finally:
        writer.close()


def is_loopback(url: str) -> bool:
    """Return whether a server is on this machine: there, a refused connection is final."""
    host, _ = _address(url)
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def _address(url: str) -> tuple[str, int]:
    parts = urlsplit(url if "://" in url else f"nats://{url}")
    return parts.hostname or "127.0.0.1", parts.port or _PORT
