"""Periodic work of access: mails password links."""

from celery import shared_task

from apps.access.services.passwords import send_due_resets


@shared_task
def send_password_links() -> int:
    """Sends the links people asked for; without mail set up nobody can ask."""
    return send_due_resets()
