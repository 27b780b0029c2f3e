"""Durations, rates, time windows and text: small pure values that every layer may use."""
