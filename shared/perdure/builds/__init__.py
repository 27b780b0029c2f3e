"""Builds: which code the runs of a version run, its id, and its copy in the state folder. Nothing here imports it."""
