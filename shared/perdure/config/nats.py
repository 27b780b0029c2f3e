"""The section ``nats:``: the connection to NATS."""

from pathlib import Path
from typing import Literal, Self

from pydantic import Field, model_validator

from perdure.config.addresses import NATS_URL
from perdure.config.retention import BucketName, BucketSettings, StreamName, StreamSettings
from perdure.config.section import Section

__all__ = ["NatsSettings", "NatsTlsSettings", "shown_url"]


class NatsTlsSettings(Section):
    """TLS to NATS; the files are PEM. A server that demands TLS gets it without this section, too.

    Attributes:
        ca_file: The certificate authority that signed the server's certificate, if the system does not know it.
        cert_file: The client's certificate, if the server requires one.
        key_file: The private key of that certificate.
    """

    ca_file: Path | None = None
    cert_file: Path | None = None
    key_file: Path | None = None

    @model_validator(mode="after")
    def _pairs_the_certificate_with_its_key(self) -> Self:
        if (self.cert_file is None) != (self.key_file is None):
            raise ValueError("`cert_file` and `key_file` belong together: give both")
        return self


class NatsSettings(Section):
    """The connection to NATS, and the user that connects.

    Attributes:
        servers: The URLs of the servers of one cluster. A local engine sets them itself.
        replicas: Replicas of each stream and bucket that is created: with 3 one server of the cluster may fail, with 5
            two. Existing ones stay as their operator set them.
        nkey_seed_file: Holds the seed of a user's nkey, as `perdure admin nats keys` writes it; `{role}` in its name
            stands for the service, or for `operator`, which is the command line.
        credentials_file: Or the JWT and the seed of a user, as `nsc` writes them.
        streams: How much each stream keeps.
        buckets: How long each bucket keeps an entry.
        tls: How to connect with TLS. Files that are replaced are read at the next connection.
        inbox_prefix: The subject prefix for replies, if it is not the role's own, such as `_INBOX_ingest`.
    """

    servers: tuple[str, ...] = (NATS_URL,)
    replicas: Literal[1, 3, 5] = 1
    credentials_file: Path | None = None
    nkey_seed_file: Path | None = None
    tls: NatsTlsSettings | None = None
    inbox_prefix: str | None = None
    streams: dict[StreamName, StreamSettings] = Field(default_factory=dict)
    buckets: dict[BucketName, BucketSettings] = Field(default_factory=dict)

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
