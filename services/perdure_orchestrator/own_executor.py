"""The threads of blocking activities that the plugin brings for one worker, which ends them."""

from concurrent.futures import ThreadPoolExecutor

__all__ = ["OwnExecutor"]


class OwnExecutor(ThreadPoolExecutor):
    """An executor that no author has given: it ends with its worker."""
