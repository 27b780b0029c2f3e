"""The offline model: a pydantic-ai model that runs in this process and needs no key.

It is not a language model. It is extractive: it answers with sentences, names, numbers and scores that it finds in the
text it is given. It is deterministic: the same request always has the same answer.

Each analysis (summary, sentiment, entities, key phrases) is a pure function of a text, in a module of its own. Their
libraries come with the extra: ``pip install 'perdure[offline]'``. They are loaded with the first text, so that
importing this package costs nothing beyond pydantic-ai.
"""

from perdure_offline.model import OfflineModel

__all__ = ["OfflineModel"]
