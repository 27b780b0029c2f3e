"""The modules of mcp-agent's package ``executor`` whose names exist here."""
