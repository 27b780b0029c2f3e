"""All analyses of one text, each computed on first use."""

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
    """The analyses of a text."""

    text: str

    @cached_property
    def title(self) -> str:
        """The first heading; empty if there is none."""
        return next((block.text for block in blocks(self.text) if block.kind == "heading"), "")

    @cached_property
    def summary(self) -> Summary:
        """The most informative sentences."""
        return summarise(self.text)

    @cached_property
    def sentiment(self) -> Sentiment:
        """The tone, with the sentences that show it."""
        return sentiment(self.text)

    @cached_property
    def entities(self) -> tuple[Entity, ...]:
        """The people, parties, sums, dates and addresses that the text names."""
        return entities(self.text)

    @cached_property
    def key_phrases(self) -> tuple[KeyPhrase, ...]:
        """The phrases that the text repeats."""
        return key_phrases(self.text)
