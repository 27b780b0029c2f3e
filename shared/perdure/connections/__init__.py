"""How every process of Perdure connects to NATS and Temporal."""
