"""The modules of mcp-agent's package ``workflows.llm`` whose names exist here."""
