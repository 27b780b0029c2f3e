"""The ingest service: turns each event into commands, or into one dead letter with a reason."""
