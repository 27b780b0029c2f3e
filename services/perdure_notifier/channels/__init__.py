"""Where people are reached: one file a kind, and the seam that all of them fill."""

from perdure_notifier.channels.channel import Busy, Channel, Refused

__all__ = ["Busy", "Channel", "Refused"]
