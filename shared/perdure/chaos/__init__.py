"""``perdure chaos``: a bounded load while processes are killed at random; the verifier then checks the records."""
