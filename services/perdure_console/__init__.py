"""The console: pages on which people see what waits and runs, and decide with keys that only they hold."""
