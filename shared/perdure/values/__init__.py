"""Durations, rates, time windows and text: pure values that every layer may use."""
