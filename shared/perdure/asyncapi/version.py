"""Which contract this code speaks: the one number that goes up when somebody who goes by the old one would break."""

from typing import Final

__all__ = ["VERSION"]

VERSION: Final = "1"
"""The contract's own, not the distribution's; its files lie in ``v<VERSION>``, beside those of older ones."""
