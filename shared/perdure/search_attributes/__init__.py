"""Registering search attributes at Temporal, for ``perdure admin temporal provision``."""
