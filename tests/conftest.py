import os
import tempfile

from hypothesis import HealthCheck, settings

# The keys that suites under test make lie outside their state folders, and not among those of whoever runs the tests.
_data = tempfile.TemporaryDirectory(prefix="perdure-tests-")
os.environ["XDG_DATA_HOME"] = _data.name

pytest_plugins = ["perdure.testing.plugin"]

# No test asserts how long something takes: on a busy machine anything may.
settings.register_profile("perdure", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("perdure")
