"""Sizes as text, such as ``1.5 GiB``."""

__all__ = ["size_text"]

_STEP = 1024


def size_text(size: float) -> str:
    """Write a number of bytes in the largest unit of which it has one or more."""
    if size < _STEP:
        return f"{size:.0f} B"
    for unit in ("KiB", "MiB"):
        size /= _STEP
        if size < _STEP:
            return f"{size:.1f} {unit}"
    return f"{size / _STEP:.1f} GiB"
