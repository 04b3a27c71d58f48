"""What every test shares."""

from tests.database import django_db_modify_db_settings

pytest_plugins = ["tests.cast", "tests.isolation", "tests.order"]

__all__ = ["django_db_modify_db_settings"]
