"""The orchestrator service: a bridge from the bus to Temporal, and a worker that runs workflows and steps."""
