"""The project's own app: health and the API's description."""

from django.apps import AppConfig


class ControlplaneConfig(AppConfig):
    name = "controlplane"
    verbose_name = "Control plane"

    def ready(self) -> None:
        from celery.signals import task_failure, task_success

        from controlplane import api_schema, heartbeats  # noqa: F401  (the schema's extensions register themselves)

        task_success.connect(heartbeats.on_success, dispatch_uid="bursar_heartbeats")
        task_failure.connect(heartbeats.on_failure, dispatch_uid="bursar_heartbeats")
