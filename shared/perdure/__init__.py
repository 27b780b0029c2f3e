"""Perdure: events on NATS become AI workflows that do not break."""

from importlib.metadata import version

__all__ = ["__version__"]

__version__ = version("perdure")
