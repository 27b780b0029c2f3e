import atexit
import os
import shutil
import tempfile

from hypothesis import HealthCheck, settings

# The keys that suites under test make lie outside their state folders, and not among those of whoever runs the tests.
os.environ["XDG_DATA_HOME"] = tempfile.mkdtemp(prefix="perdure-tests-")
atexit.register(shutil.rmtree, os.environ["XDG_DATA_HOME"], ignore_errors=True)

pytest_plugins = ["perdure.testing.plugin", "tests.support.audit_databases"]

# No test asserts how long something takes: on a busy machine anything may.
settings.register_profile("perdure", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("perdure")
