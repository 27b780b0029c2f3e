"""The parties that agents talk to: models and MCP servers. Connections belong to the worker, never to a run."""
