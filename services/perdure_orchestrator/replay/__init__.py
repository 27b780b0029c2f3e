"""Replays histories against the code that lies here, and finds the author's line where they differ."""
