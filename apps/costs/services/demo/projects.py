"""The projects demo data lives in: marked from the beginning, so that it is in no total unless chosen."""

from collections.abc import Collection

from apps.access.domain.errors import Conflict
from apps.access.models import Project
from apps.access.selectors.places import project_id_of
from apps.access.services import places
from apps.costs.domain.fleet import PROJECTS


def ensure_demo_projects(names: Collection[str] = PROJECTS) -> dict[str, int]:
    """The ids of the demo projects by name, made and marked where missing. Call it outside of a transaction.

    Raises Conflict when a project of one's own has, or had, such a name: demo data is never mixed into it. Raises
    TooMany when the cap on projects is reached.
    """
    _refuse_real(names)
    found = places.ensure_projects(names)
    # One that has just been made has no usage yet.
    Project.objects.filter(id__in=found.values(), is_demo=False).update(is_demo=True)
    return found


def _refuse_real(names: Collection[str]) -> None:
    known = {project_id for name in names if (project_id := project_id_of(name)) is not None}
    real = Project.objects.filter(id__in=known, is_demo=False).first()
    if real is not None:
        message = f'The project "{real}" is or was called like a demo project; demo data is never mixed into it.'
        raise Conflict(message, code="name_in_use", path="project")
