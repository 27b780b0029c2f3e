"""Finds the NATS and Temporal servers: those of a running local suite, else the configured ones."""

from typing import Final

from perdure.config.settings import NatsSettings, Settings, TemporalSettings, TlsSettings
from perdure.errors import Unavailable
from perdure.local.absence import no_suite
from perdure.local.state import State, read_endpoints

__all__ = ["discover"]


_IN_CLEAR: Final = {
    "tls": TlsSettings(enabled=False),
    "api_key_file": None,
    "api_key_command": None,
    "api_key_variable": None,
    "environment": False,
}
"""How a local suite's Temporal is reached: over the loopback interface, without a key."""


def discover(settings: Settings, *, role: str = "operator") -> tuple[NatsSettings, TemporalSettings]:
    """Return the connection settings of NATS and Temporal.

    Args:
        settings: The configuration.
        role: The role whose nkey is used with a local suite.

    Raises:
        Unavailable: No suite runs here, and no other server is configured: the default address may belong to anybody.
    """
    endpoints = read_endpoints(settings.state) if settings.execution_engine == "local" else None
    if endpoints is None:
        if settings.execution_engine == "local" and "servers" not in settings.nats.model_fields_set:
            raise Unavailable(no_suite(settings.state))
        return settings.nats, settings.temporal
    host, _, port = endpoints.temporal.rpartition(":")
    return (
        settings.nats.model_copy(
            update={
                "servers": (endpoints.nats,),
                "nkey_seed_file": State(settings.state).seed(role),
                "credentials_file": None,
                "user": None,
                "tls": None,
                "inbox_prefix": None,
            }
        ),
        settings.temporal.model_copy(update={"host": host, "port": int(port), **_IN_CLEAR}),
    )
