"""Perdure: events on NATS become AI workflows that do not break."""
