"""The local engine: embedded NATS and Temporal servers, and a supervisor for the suite on one machine."""
