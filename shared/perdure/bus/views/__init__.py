"""Read models: what the bus and its buckets hold about runs, approval requests and starts."""
