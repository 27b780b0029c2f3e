"""Regular expressions for addresses, references, sums, percentages and dates."""

import re
from typing import Final, Literal

__all__ = ["CURRENCIES", "MONTHS", "PATTERNS", "Shape"]

Shape = Literal["date", "money", "percentage", "email", "url", "reference"]

CURRENCIES: Final = (
    *("AUD", "BRL", "CAD", "CHF", "CNY", "CZK", "DKK", "EUR", "GBP", "HKD", "HUF", "INR", "JPY", "KRW", "MXN", "NOK"),
    *("NZD", "PLN", "RON", "SEK", "SGD", "TRY", "USD", "ZAR"),
)
MONTHS: Final = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)

# Every repetition is bounded, so that matching takes linear time.
_NUMBER: Final = r"(?:\d{1,3}(?:[,.' ]\d{3}){1,5}(?:[.,]\d{1,2})?|\d{1,15}(?:[.,]\d{1,15})?)(?!\d)"
_SCALE: Final = r"(?:\s(?:thousand|million|billion|trillion)\b|(?:k|m|bn)\b)?"
_CURRENCY: Final = rf"(?:\b(?:{'|'.join(CURRENCIES)})\b|[€$£¥₹])"
_MONTH: Final = rf"(?:{'|'.join(MONTHS)})"
_DAY: Final = r"\d{1,2}(?:st|nd|rd|th)?"
_YEAR: Final = r"\d{4}"

# In this order: what one pattern matches is hidden from those after it.
PATTERNS: Final[dict[Shape, re.Pattern[str]]] = {
    "email": re.compile(r"\b[\w.+-]{1,64}@(?:[\w-]{1,63}\.){1,5}[^\W\d_]{2,24}\b"),
    "url": re.compile(r"\bhttps?://[^\s<>\"'()\[\]]{1,2000}[^\s<>\"'()\[\].,;:!?]"),
    "money": re.compile(
        rf"{_CURRENCY}\s?{_NUMBER}{_SCALE}"
        rf"|\b{_NUMBER}{_SCALE}\s?(?:{_CURRENCY}|(?:euros?|dollars?|pounds|francs|cents)\b)"
    ),
    "percentage": re.compile(rf"(?<![\d.,]){_NUMBER}\s?(?:%|per\s?cent\b)"),
    "date": re.compile(
        rf"\b{_YEAR}-\d{{2}}-\d{{2}}\b"
        rf"|\b{_DAY}\s{_MONTH}\b(?:,?\s{_YEAR}\b)?"
        rf"|\b{_MONTH}\s{_DAY}\b(?:,\s{_YEAR}\b)?"
        rf"|\b{_MONTH}\s{_YEAR}\b"
        rf"|\bQ[1-4]\s{_YEAR}\b"
        rf"|\b\d{{1,2}}[./]\d{{1,2}}[./]{_YEAR}\b"
    ),
    "reference": re.compile(r"\b[A-Z]{2,10}(?:-\d{2,10}){1,3}\b"),
}
