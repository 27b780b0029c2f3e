"""How a service lives: start-up and shutdown, health and metrics endpoints, background tasks, exit."""
