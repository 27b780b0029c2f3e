"""Channels to people: the protocol, and one module for each kind."""

from perdure_notifier.channels.channel import Busy, Channel, Refused

__all__ = ["Busy", "Channel", "Refused"]
