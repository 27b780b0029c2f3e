"""``perdure chaos``: bounded load while parts are killed at random; the verifier then judges from outside."""
