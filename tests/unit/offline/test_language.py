import pytest

from perdure_offline.language import language_of, words


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("The supplier shall deliver the goods to the buyer.", "en"),
        ("Der Lieferant liefert die Ware an den Käufer und haftet für Mängel.", "de"),
        ("Le fournisseur livre les marchandises à l'acheteur dans un délai de dix jours.", "fr"),
        ("El proveedor entrega la mercancía al comprador y responde de los defectos.", "es"),
        ("Il fornitore consegna la merce al compratore e risponde dei difetti della stessa.", "it"),
    ],
)
def test_function_words_identify_the_language(text: str, language: str) -> None:
    assert language_of(text) == language


def test_a_text_without_known_function_words_has_no_language() -> None:
    assert language_of("今日は天気がいい。 123") is None


def test_words_are_in_lower_case_and_keep_inner_hyphens_and_apostrophes() -> None:
    assert words("The buyer's TP-440, not_this!") == ("the", "buyer's", "tp-440", "not", "this")
