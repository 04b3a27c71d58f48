"""Saved views for tests."""

from apps.access.models import User
from controlplane.saved import services


def view(person: User, name: str = "Agents", url: str = "/explore?group=agent", *, deleted: bool = False) -> int:
    """The id of a view this person saved, made if it is not there."""
    saved = services.save_view(caller=person.caller(), name=name, url=url)
    if deleted:
        services.delete_view(caller=person.caller(), view_id=saved.pk)
    return saved.pk
