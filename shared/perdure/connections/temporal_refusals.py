"""Sentences on why a connection to Temporal failed."""

from typing import Final

from perdure.config.settings import TemporalSettings

__all__ = ["failure_text"]

_NOT_NOW: Final = ("Expired", "NotValidYet")
_WANTED: Final = ("CertificateRequired", "BadCertificate", "UnknownCA", "CertificateUnknown", "CertificateExpired")


def failure_text(error: RuntimeError, settings: TemporalSettings) -> str:
    """Return why a connection to Temporal failed, in a sentence."""
    where, text = f"{settings.host}:{settings.port}", str(error)
    if sentence := _about_certificates(where, text):
        return sentence
    if "Unauthenticated" in text or "PermissionDenied" in text:
        return (
            f"Temporal at {where} refuses this client ({text}): check `temporal.api_key_file`, its API key, and the "
            "namespace that it is for."
        )
    return f"Temporal does not answer at {where}: {text}"


def _about_certificates(where: str, text: str) -> str | None:
    if "NotValidForName" in text:
        return f"The certificate of Temporal at {where} is for another name: set `temporal.tls.server_name` to it."
    if "close_notify" in text:  # some servers hang up where others send an alert
        return (
            f"Temporal at {where} ended the connection inside TLS: usually it demands a client's certificate that it "
            "trusts. Check `temporal.tls.cert_file` and `temporal.tls.key_file`."
        )
    if "received fatal alert" in text and (alert := next((it for it in _WANTED if it in text), None)):
        return (
            f"Temporal at {where} demands a client's certificate that it trusts ({alert}): check "
            "`temporal.tls.cert_file` and `temporal.tls.key_file`."
        )
    if "InvalidCertificate" in text or "invalid peer certificate" in text or "UnknownIssuer" in text:
        reason = text.rpartition("error: ")[2].rstrip(" })")
        if any(it in text for it in _NOT_NOW):
            return (
                f"The certificate of Temporal at {where} is not valid now ({reason}): give the server a new one, or "
                "correct the clock of this machine."
            )
        return (
            f"The certificate of Temporal at {where} is not trusted: name its authority in `temporal.tls.ca_file` "
            f"({reason})."
        )
    speaks_none = f"Temporal at {where} speaks no TLS: take `temporal.tls` away, or correct `temporal.port`."
    return speaks_none if "InvalidContentType" in text else None
