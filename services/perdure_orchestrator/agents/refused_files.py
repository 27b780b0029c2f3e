"""Which files a model has taken or refused, as far as this worker knows."""

from collections import OrderedDict
from collections.abc import Iterable
from typing import Final

__all__ = ["RefusedFiles"]

_REMEMBERED: Final = 4_096  # files; one more request finds out about a forgotten one


class RefusedFiles:
    """The files that were sent to models, by model and name."""

    def __init__(self) -> None:
        self._taken: OrderedDict[tuple[str, str], bool] = OrderedDict()

    def refuses(self, model: str, file: str) -> bool:
        """Return whether the model has refused the file."""
        return self._taken.get((model, file)) is False

    def takes(self, model: str, file: str) -> bool:
        """Return whether the model has taken the file."""
        return self._taken.get((model, file)) is True

    def record(self, model: str, files: Iterable[str], *, taken: bool) -> None:
        """Remember what became of files."""
        for file in files:
            self._taken[model, file] = taken
            self._taken.move_to_end((model, file))
        while len(self._taken) > _REMEMBERED:
            self._taken.popitem(last=False)
