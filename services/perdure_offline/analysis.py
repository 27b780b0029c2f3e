"""All that can be found in one text, each finding made when it is first asked for."""

from dataclasses import dataclass
from functools import cached_property

from perdure_offline.blocks import blocks
from perdure_offline.entities import Entity, entities
from perdure_offline.key_phrases import KeyPhrase, key_phrases
from perdure_offline.sentiment import Sentiment, sentiment
from perdure_offline.summary import Summary, summarise

__all__ = ["Analysis"]


@dataclass(frozen=True)
class Analysis:
    """The findings in a text."""

    text: str

    @cached_property
    def title(self) -> str:
        """The first heading; empty if there is none."""
        return next((block.text for block in blocks(self.text) if block.kind == "heading"), "")

    @cached_property
    def summary(self) -> Summary:
        """The sentences that say most."""
        return summarise(self.text)

    @cached_property
    def sentiment(self) -> Sentiment:
        """The tone, with its evidence."""
        return sentiment(self.text)

    @cached_property
    def entities(self) -> tuple[Entity, ...]:
        """Who and what is named."""
        return entities(self.text)

    @cached_property
    def key_phrases(self) -> tuple[KeyPhrase, ...]:
        """What it is about."""
        return key_phrases(self.text)
