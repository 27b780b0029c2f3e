"""The process of a service: start-up and shutdown, health and metrics endpoints, background tasks, exit."""
