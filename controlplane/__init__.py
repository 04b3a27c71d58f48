"""The Django project: settings, URLs, Celery, the Overview page, health and the shape of API errors."""

from controlplane.celery import app as celery_app

__all__ = ["celery_app"]
