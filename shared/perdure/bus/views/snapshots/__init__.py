"""Gathers what the streams and services know of one thing, for ``perdure.explain``."""

from perdure.bus.views.snapshots.lookup import snapshot_of
from perdure.bus.views.snapshots.sources import AskedSources

__all__ = ["AskedSources", "snapshot_of"]
