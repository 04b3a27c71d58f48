"""The app's configuration."""

from django.apps import AppConfig
from django.core.signals import request_finished


class AccessConfig(AppConfig):
    name = "apps.access"
    label = "access"
    verbose_name = "Access"

    def ready(self) -> None:
        from apps.access.services import key_use

        request_finished.connect(key_use.write, dispatch_uid="bursar_key_use")
