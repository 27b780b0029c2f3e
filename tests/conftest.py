from hypothesis import HealthCheck, settings

pytest_plugins = ["perdure.testing.plugin"]

# No test asserts how long something takes: on a busy machine anything may.
settings.register_profile("perdure", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("perdure")
