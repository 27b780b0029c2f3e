"""The modules of mcp-agent's package ``workflows`` whose names exist here."""
