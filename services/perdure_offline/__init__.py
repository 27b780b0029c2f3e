"""The model that needs no key: it does honest, deterministic work on the text it is given.

The analyses (summary, sentiment, entities, key phrases) are pure functions of a text, one a module; the model puts
them behind pydantic-ai's interface. Importing this package costs nothing beyond pydantic-ai: the libraries behind the
analyses are loaded by the first text.
"""

from perdure_offline.model import OfflineModel

__all__ = ["OfflineModel"]
