"""What a provider's SDK raised, in words for people: of an answer in another shape only the fields that do not fit."""

from typing import Final

from pydantic import ValidationError

__all__ = ["provider_error_text"]

_MOST_FIELDS: Final = 5


def provider_error_text(error: Exception) -> str:
    """Return the class and the text of an error, in one line if a library's validation has failed."""
    text = f"{type(error).__name__}: {error}"
    validation = _validation_of(error)
    if validation is None:
        return text
    places = [".".join(map(str, it["loc"])) for it in validation.errors(include_url=False, include_input=False)]
    fields = ", ".join(dict.fromkeys(filter(None, places))) or "its JSON"
    shown = fields if len(places) <= _MOST_FIELDS else f"{', '.join(places[:_MOST_FIELDS])} and more"
    what = text.partition("\n")[0].rpartition(": ")[0].removesuffix(":")
    return f"{what}: {shown} {'does' if len(places) == 1 else 'do'} not fit"


def _validation_of(error: BaseException | None) -> ValidationError | None:
    while error is not None and not isinstance(error, ValidationError):
        error = error.__cause__ or error.__context__
    return error
