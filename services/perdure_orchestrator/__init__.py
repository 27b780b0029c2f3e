"""Run: commands become Temporal workflows, workflows become steps, steps become model and tool calls."""
