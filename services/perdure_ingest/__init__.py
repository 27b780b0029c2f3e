"""Event in: whatever arrives becomes commands, or one dead letter with a reason."""
