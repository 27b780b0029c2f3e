"""Clients of models and MCP servers. Their connections belong to the worker, never to a run."""
