"""The README and its code blocks."""

import re
from pathlib import Path
from typing import Final

README: Final = (Path(__file__).parents[2] / "README.md").read_text()


def blocks(text: str, language: str) -> list[str]:
    """Return the text of each fenced block of ``language``, in order."""
    return re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)
