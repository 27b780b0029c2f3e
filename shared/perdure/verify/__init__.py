"""The verifier: checks that every event became what its verdict says, and that all of it is recorded.

The verifier reads JetStream, Temporal and the audit database directly, without the services. It uses none of the code
that the services publish and subscribe with, so that both cannot share a mistake.
"""
