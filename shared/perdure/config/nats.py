"""The section ``nats:``: the connection to NATS."""

from pathlib import Path
from typing import Literal, Self

from pydantic import Field, model_validator

from perdure.config.addresses import NATS_URL
from perdure.config.retention import BucketName, BucketSettings, StreamName, StreamSettings
from perdure.config.secret_command import SecretCommand
from perdure.config.section import Section
from perdure.config.tls import TlsFiles

__all__ = ["NatsSettings", "NatsTlsSettings", "shown_url"]


class NatsTlsSettings(TlsFiles):
    """TLS to NATS. A server that demands TLS gets it without this section, too.

    Attributes:
        verify: Check the server's certificate. Without it anybody on the way can pose as the server.
    """

    verify: bool = True


class NatsSettings(Section):
    """The connection to NATS, and the user that connects.

    Attributes:
        servers: The URLs of the servers of one cluster. A local engine sets them itself.
        replicas: Replicas of each stream and bucket that is created: with 3 one server of the cluster may fail, with 5
            two. Existing ones stay as their operator set them.
        nkey_seed_file: Holds the seed of a user's nkey, as `perdure admin nats keys` writes it; `{role}` in its name
            stands for the service, or for `operator`, which is the command line.
        credentials_file: Or the JWT and the seed of a user, as `nsc` writes them.
        user: Or the name of a user with a password.
        password_file: Holds that password; a new one is used at the next connection.
        password_command: Or a program that prints it, with its arguments.
        password_variable: Or the environment variable that holds it.
        streams: How much each stream keeps.
        buckets: How long each bucket keeps an entry.
        tls: How to connect with TLS. Files that are replaced are read at the next connection.
        inbox_prefix: The subject prefix for replies, if it is not the role's own, such as `_INBOX_ingest`.
    """

    servers: tuple[str, ...] = (NATS_URL,)
    replicas: Literal[1, 3, 5] = 1
    credentials_file: Path | None = None
    nkey_seed_file: Path | None = None
    user: str | None = None
    password_file: Path | None = None
    password_command: SecretCommand | None = None
    password_variable: str | None = None
    tls: NatsTlsSettings | None = None
    inbox_prefix: str | None = None
    streams: dict[StreamName, StreamSettings] = Field(default_factory=dict)
    buckets: dict[BucketName, BucketSettings] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _connects_as_one_user(self) -> Self:
        has_password = (self.password_file, self.password_command, self.password_variable) != (None, None, None)
        if has_password != (self.user is not None):
            raise ValueError(
                "`user` and one of `password_file`, `password_command`, `password_variable` belong together"
            )
        given = [it for it in ("nkey_seed_file", "credentials_file", "user") if getattr(self, it) is not None]
        if len(given) > 1:
            raise ValueError(f"{', '.join(f'`{it}`' for it in given)} exclude each other: keep one of them")
        return self

    @property
    def stream_limits(self) -> dict[str, StreamSettings]:
        """``streams`` by the names of the topology."""
        return {str(name): limits for name, limits in self.streams.items()}

    @property
    def shown(self) -> str:
        """The servers as texts and logs name them: without user, password or token."""
        return ", ".join(map(shown_url, self.servers))


def shown_url(url: str) -> str:
    """Return the URL of a server without user, password or token."""
    scheme, separator, rest = url.rpartition("://")
    return f"{scheme}{separator}{rest.rpartition('@')[2]}"
