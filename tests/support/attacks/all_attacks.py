"""All attacks on a running suite, by who plays them."""

from collections.abc import Mapping, Sequence
from typing import Final

from tests.support.attacks.actors import bot, http, nobody, operator, publisher, service_keys, tools
from tests.support.attacks.attack import Attack

__all__ = ["ATTACKS"]

ATTACKS: Final[Mapping[str, Sequence[Attack]]] = {
    "publisher": publisher.ATTACKS,
    "bot": bot.ATTACKS,
    "service_keys": service_keys.ATTACKS,
    "operator": operator.ATTACKS,
    "nobody": nobody.ATTACKS,
    "http": http.ATTACKS,
    "tools": tools.ATTACKS,
}
"""The name of the module, and its attacks."""
