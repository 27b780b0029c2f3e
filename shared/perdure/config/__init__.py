"""Reads ``perdure.yaml`` and ``PERDURE_`` variables into frozen settings."""
