from django.apps import AppConfig


class CostsConfig(AppConfig):
    name = "apps.costs"
    verbose_name = "Costs"

    def ready(self) -> None:
        """Teach the driver the arrays of ingest, before there is any connection."""
        from apps.costs.services.ingest.literals import teach_driver

        teach_driver()
