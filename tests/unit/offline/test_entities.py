import pytest

from perdure_offline.entities import Kind, entities


def found(text: str, kind: Kind) -> list[str]:
    return [entity.text for entity in entities(text) if entity.kind == kind]


@pytest.mark.parametrize(
    ("text", "kind", "expected"),
    [
        ("Write to quality@harbour-lane.example.", "email", ["quality@harbour-lane.example"]),
        ("See https://x.example/a?b=c.", "url", ["https://x.example/a?b=c"]),
        ("It costs EUR 924,000 or $1.5 million.", "money", ["EUR 924,000", "$1.5 million"]),
        ("It costs 38.50 euros.", "money", ["38.50 euros"]),
        ("Between 0.4% and 12 percent.", "percentage", ["0.4%", "12 percent"]),
        ("From 2026-04-01 to 31 March 2028.", "date", ["2026-04-01", "31 March 2028"]),
        ("On May 5, 2026, in November 2025, in Q1 2026.", "date", ["May 5, 2026", "November 2025", "Q1 2026"]),
        ("Agreement HBL-2026-0417 was signed.", "reference", ["HBL-2026-0417"]),
        ("We paid Tessaro Precision S.r.l., not them.", "organisation", ["Tessaro Precision S.r.l."]),
        ("We told Miriam Adler of it, and Bank of England.", "name", ["Miriam Adler", "Bank of England"]),
        ("He lives in Zurich.", "name", ["Zurich"]),
    ],
)
def test_entities_are_found_as_written(text: str, kind: Kind, expected: list[str]) -> None:
    assert found(text, kind) == expected


@pytest.mark.parametrize(
    "text",
    [
        "Invoices are payable. Late payments cost more.",  # the start of a sentence
        "The Buyer pays the Supplier.",  # defined terms
        "We pay in March on a Monday.",  # the calendar
        "THIS IS LOUD.",
        "# Price And Payment",
        "We call it Search, and search it is.",  # the same word in lower case
    ],
)
def test_a_capital_letter_that_a_rule_explains_does_not_make_a_name(text: str) -> None:
    assert found(text, "name") == []


def test_names_do_not_join_across_punctuation_or_cells() -> None:
    assert found("We met Miriam Adler, Paolo Tessaro and others.", "name") == ["Miriam Adler", "Paolo Tessaro"]
    assert found("| Ann Lee | Bob Ray |\n| --- | --- |\n", "name") == ["Ann Lee", "Bob Ray"]


def test_a_name_may_follow_a_function_word_at_the_start_of_a_sentence() -> None:
    assert found("When Beatriz Costa came, we left. Priya Raman stayed.", "name") == ["Beatriz Costa", "Priya Raman"]


def test_the_most_frequent_entity_of_a_kind_comes_first(incident: str) -> None:
    names = [entity for entity in entities(incident) if entity.kind == "name"]

    assert (names[0].text, names[0].count) == ("Meridian Pay", 5)
    assert [name.count for name in names] == sorted((name.count for name in names), reverse=True)


def test_german_nouns_are_not_names() -> None:
    assert found("Wir haben das Haus in der Straße gekauft und sind mit dem Preis zufrieden.", "name") == []
