"""Connections of every process to NATS and Temporal."""
