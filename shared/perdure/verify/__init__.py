"""The verifier: checks that every event became exactly one run or one dead letter, and that all of it is recorded.

The verifier reads JetStream, Temporal and the audit database itself. It asks no service, and shares none of the code by
which the services publish and subscribe.
"""
