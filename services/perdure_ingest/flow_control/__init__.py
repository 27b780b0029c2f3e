"""Flow control: starts beyond a route's limits wait in JetStream until the limits allow them.

An event of such a route is stored in a waiting stream before it is acknowledged. Every ingest process works on every
route: each changes a route's open runs by compare-and-set, so that all processes together keep one limit.
"""

from perdure_ingest.flow_control.route_queues import RouteQueues

__all__ = ["RouteQueues"]
