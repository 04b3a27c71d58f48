"""The Celery application. Tasks carry no data: each is a sweep over rows that beat fires again."""

import os
import warnings

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "controlplane.settings")

# Without pickle, which is never switched on, this warning of a worker started by root has no ground.
warnings.filterwarnings("ignore", message="You're running the worker with superuser privileges")

app = Celery("bursar")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
