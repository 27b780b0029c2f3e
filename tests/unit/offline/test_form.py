from typing import Any, Literal

import pytest
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from perdure_offline.analysis import Analysis
from perdure_offline.facts import Facts
from perdure_offline.form import fill
from perdure_offline.task import OfflineTask


def filled(shape: Any, text: str, *tasks: OfflineTask) -> Any:
    adapter = TypeAdapter[Any](shape)
    return adapter.validate_python(fill(adapter.json_schema(), Facts(Analysis(text), tasks)), strict=True)


class Mention(BaseModel):
    name: str
    kind: str
    role: str


class Tone(BaseModel):
    label: Literal["positive", "negative", "neutral"]
    score: float


class Review(BaseModel):
    model_config = ConfigDict(extra="forbid")

    title: str
    summary: str
    tone: Tone
    entities: list[Mention]
    key_phrases: list[str]


def test_fields_with_known_names_get_facts(contract: str) -> None:
    analysis = Analysis(contract)

    review = filled(Review, contract)

    assert review.title == "Supply Agreement: Optical Encoders"
    assert review.summary == analysis.summary.text
    assert review.tone == Tone(label=analysis.sentiment.label, score=analysis.sentiment.score)
    assert review.key_phrases == [phrase.text for phrase in analysis.key_phrases]
    assert review.entities[0] == Mention(name="Harbour Lane Robotics GmbH", kind="organisation", role="")


class Person(BaseModel):
    title: str
    text: str


class Unknown(BaseModel):
    verdict: str
    risk: int
    likelihood: float
    approved: bool
    clauses: list[str]
    level: Literal["high", "low"]
    mood_of_market: Literal["up", "down", "unknown"]
    author: Person
    due: str | None
    seats: int = Field(ge=3)
    code: str = Field(min_length=10)
    optional: str = "the default"


def test_fields_without_a_known_fact_stay_blank(contract: str) -> None:
    assert filled(Unknown, contract) == Unknown(
        verdict="",
        risk=0,
        likelihood=0,
        approved=False,
        clauses=[],
        level="high",
        mood_of_market="unknown",
        author=Person(title="", text=""),
        due=None,
        seats=3,
        code="unknown   ",
    )


def test_field_names_are_recognised_in_several_spellings() -> None:
    schema = {"type": "object", "properties": {name: {"type": "array"} for name in ("keyPhrases", "Organizations")}}

    form = fill(schema, Facts(Analysis("Tessaro AG built pumps. Pumps of Tessaro AG are blue."), ()))

    assert form["Organizations"] == ["Tessaro AG"]
    assert "Pumps" in [phrase.capitalize() for phrase in form["keyPhrases"]]


class Rated(BaseModel):
    score: int = Field(ge=0, le=10)


def test_a_score_is_converted_to_the_scale_of_the_field() -> None:
    assert filled(Rated, "It is terrible, awful and horrible.").score < 3
    assert filled(Rated, "It is great, lovely and wonderful.").score > 7


class Verdict(BaseModel):
    sentiment: Literal["good", "bad", "unknown"]


def test_an_enum_without_the_right_word_is_left_undecided() -> None:
    assert filled(Verdict, "It is great.").sentiment == "unknown"


class Tree(BaseModel):
    summary: str
    parent: "Tree | None"
    children: list["Tree"]


def test_a_recursive_schema_terminates() -> None:
    assert filled(Tree, "It rained.") == Tree(summary="It rained.", parent=None, children=[])


class Wrapped(BaseModel):
    response: list[str]


class Nested(BaseModel):
    analysis: Wrapped


def test_a_field_called_response_gets_the_results_of_the_tasks() -> None:
    assert filled(Wrapped, "We met Ann Lee in Paris.", OfflineTask.ENTITIES).response == ["Ann Lee", "Paris"]
    assert filled(Nested, "We met Ann Lee in Paris.", OfflineTask.ENTITIES).analysis.response == ["Ann Lee", "Paris"]


def test_a_schema_without_fields_gets_the_results_of_the_tasks() -> None:
    assert filled(list[str], "It rained. We stayed.", OfflineTask.SUMMARY) == ["It rained.", "We stayed."]
    assert filled(str, "It rained. We stayed.", OfflineTask.SUMMARY) == "It rained. We stayed."


@pytest.mark.parametrize("schema", [{"type": ["string", "null"]}, {"anyOf": [{"type": "string"}, {"type": "null"}]}])
def test_an_unknown_fact_is_null_where_null_is_allowed(schema: dict[str, object]) -> None:
    assert fill({"properties": {"due": schema}, "required": ["due"]}, Facts(Analysis("x"), ())) == {"due": None}
