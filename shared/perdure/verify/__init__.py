"""The verifier: did every event become exactly one run or one dead letter, and was all of it said and recorded?

It trusts no service's word. It reads what JetStream, Temporal and the audit store hold, by its own means, and imports
nothing of what the services say and hear with.
"""
