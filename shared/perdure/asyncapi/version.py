"""The version of the published contract; it goes up with every breaking change."""

from typing import Final

__all__ = ["VERSION"]

VERSION: Final = "1"
"""Independent of the distribution's version. The files of each version lie in their own folder, ``v<VERSION>``."""
