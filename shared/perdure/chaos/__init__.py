"""``perdure admin chaos``: bounded load while processes are killed at random; then the verifier checks the records."""
