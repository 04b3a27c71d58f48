"""What every test shares."""

from hypothesis import HealthCheck, settings

from tests.database import django_db_modify_db_settings

pytest_plugins = ["tests.cast", "tests.isolation", "tests.order"]

# A law holds or not; how long an example takes says only how busy the machine is.
settings.register_profile("bursar", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("bursar")

__all__ = ["django_db_modify_db_settings"]
