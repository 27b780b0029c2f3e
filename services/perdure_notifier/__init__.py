"""Notifies people about approval requests and alerts, and takes their decisions."""
