"""The modules of mcp-agent's package ``agents`` whose names exist here."""
