"""AsyncAPI servers: the one that ``perdure up`` starts, and one of your own."""

from typing import Any, Final

__all__ = ["SECURITY_SCHEMES", "SERVERS"]

_NKEY: Final = "nkey"

SERVERS: Final[dict[str, Any]] = {
    "local": {
        "host": "127.0.0.1:4222",
        "protocol": "nats",
        "description": "Of `perdure up`, if its port is free. A client without an nkey is a publisher.",
    },
    "production": {
        "host": "{host}",
        "protocol": "nats",
        "description": "Your NATS server, with the accounts of deploy/nats.",
        "variables": {"host": {"description": "Host and port.", "default": "nats.example.com:4222"}},
        "security": [{"$ref": f"#/components/securitySchemes/{_NKEY}"}],
    },
}

SECURITY_SCHEMES: Final[dict[str, Any]] = {
    _NKEY: {
        "type": "asymmetricEncryption",
        "description": "An nkey: an Ed25519 key that signs the server's nonce. Each role has its own, and what it "
        "may publish and subscribe to is in deploy/nats. Inboxes of a bot begin with `_INBOX_bot`, those of a "
        "publisher with `_INBOX`.",
    }
}
