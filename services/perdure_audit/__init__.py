"""The audit service: records every message of every stream, in order."""
