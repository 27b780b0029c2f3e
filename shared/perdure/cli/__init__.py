"""The ``perdure`` command: a client of the bus like any other."""
