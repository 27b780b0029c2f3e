"""The files of a TLS connection, which NATS and Temporal take in the same way."""

from pathlib import Path
from typing import Self

from pydantic import model_validator

from perdure.config.section import Section

__all__ = ["TlsFiles"]


class TlsFiles(Section):
    """The files of TLS to a server, in PEM. Files that are replaced are read for the next connection.

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
