"""Flow control: starts that may not go yet wait in JetStream, and what they go by is kept in NATS.

An event of such a route is durable in a waiting stream before it is acknowledged. Every ingest process looks after
every route: whoever changes what is open does so by compare-and-set, so that many processes keep one limit.
"""

from perdure_ingest.flow_control.handover import Handover

__all__ = ["Handover"]
