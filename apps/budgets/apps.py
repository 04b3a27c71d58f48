"""The app's configuration."""

from django.apps import AppConfig


class BudgetsConfig(AppConfig):
    name = "apps.budgets"
    label = "budgets"
    verbose_name = "Budgets"

    def ready(self) -> None:
        # Models are there only now.
        from apps.budgets import extensions

        extensions.register()
