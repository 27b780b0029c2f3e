"""Gives the tests of this folder the fixture `run_workflow`."""

pytest_plugins = ["perdure.testing.plugin"]
