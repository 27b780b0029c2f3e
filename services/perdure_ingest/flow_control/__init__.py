"""Flow control: starts beyond a route's limits wait in JetStream until the limits allow them.

An event of such a route is stored in a waiting stream before it is acknowledged, by whatever process received it. One
process at a time leads a route, by a lease: it knows the open runs, and releases the starts. Whatever it decides stands
in the route's journal before it happens, so that the next leader finishes it.
"""

from perdure_ingest.flow_control.route_queues import RouteQueues

__all__ = ["RouteQueues"]
