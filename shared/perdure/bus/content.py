"""Encrypts the content in the facts of runs: results, notes and errors."""

import json
import re
from base64 import b64decode, b64encode
from typing import Final

from pydantic import JsonValue

from perdure.config.settings import Settings
from perdure.contracts import Message, Progress
from perdure.encryption import KeySource, MissingKey, RunBinding, Sealed, WrongRun, key_source, open_sealed, seal

__all__ = ["Content", "content_of"]

_MARK: Final = "perdure.encrypted"
"""An encrypted value is a text: ``perdure.encrypted:<key id>:<base64>``."""

_ENCRYPTED: Final = re.compile(rf"{re.escape(_MARK)}:([A-Za-z0-9._-]{{1,64}}):([A-Za-z0-9+/]+=*)")


class Content:
    """Encrypts and decrypts the ``result`` and ``error`` of facts, bound to their run.

    Args:
        keys: The key ring; without one nothing is encrypted.
        namespace: That of the runs.
    """

    def __init__(self, keys: KeySource | None = None, namespace: str = "default") -> None:
        self._keys = keys
        self._namespace = namespace

    def sealed(self, message: Message) -> Message:
        """Return a message as it is published."""
        if self._keys is None or not isinstance(message, Progress):
            return message
        values = {"result": message.result, "error": message.error}
        texts = {name: self._sealed(value, message.workflow_id) for name, value in values.items() if value is not None}
        return message.model_copy(update=texts) if texts else message

    def opened(self, fact: Progress) -> Progress:
        """Return a fact as its run has written it; what cannot be decrypted is replaced by a sentence."""
        values = {"result": fact.result, "error": fact.error}
        opened = {name: self.opened_value(value, fact.workflow_id) for name, value in values.items()}
        return fact.model_copy(update=opened) if opened != values else fact

    def opened_value(self, value: JsonValue, workflow_id: str) -> JsonValue:
        """Return a result or error of a run; what cannot be decrypted is replaced by a sentence."""
        if not isinstance(value, str) or (found := _ENCRYPTED.fullmatch(value)) is None:
            return value
        key, data = found.groups()
        try:
            if self._keys is None:
                return f"(encrypted with the key {key}: name the key ring by `encryption` in perdure.yaml to read it)"
            sealed = Sealed(key, RunBinding(self._namespace, workflow_id), b64decode(data, validate=True))
            opened: JsonValue = json.loads(open_sealed(sealed, self._keys.ring(key)))
        except (MissingKey, WrongRun, ValueError) as error:
            return f"(it cannot be decrypted: {error})"
        return opened

    def _sealed(self, value: JsonValue, workflow_id: str) -> str:
        assert self._keys is not None  # noqa: S101 (for mypy: its caller has asked)
        plain = json.dumps(value, ensure_ascii=False).encode()
        sealed = seal(plain, RunBinding(self._namespace, workflow_id), self._keys.ring())
        return f"{_MARK}:{sealed.key_id}:{b64encode(sealed.data).decode()}"


def content_of(settings: Settings) -> Content:
    """Return what the configuration says."""
    return Content(key_source(settings.encryption), settings.temporal.namespace)
