"""Read models of runs, approval requests and starts, built from streams and buckets."""
