"""Channels to people: the protocol, and one module for each kind."""

from perdure_notifier.channels.channel import Busy, Channel, PartlySent, Refused

__all__ = ["Busy", "Channel", "PartlySent", "Refused"]
