"""Who can raise a budget."""

from apps.access.domain.identity import Role
from apps.access.models import User

_MOST = 3


def raise_contacts(project_id: int | None) -> tuple[str, ...]:
    """A few addresses of people who may change a budget of this project, or, for None, of the whole installation."""
    people = User.objects.filter(is_active=True, role__in=[Role.OWNER, Role.ADMIN])
    see_all = people.filter(limited=False)
    found = see_all | people.filter(projects=project_id) if project_id is not None else see_all
    return tuple(found.distinct().order_by("id").values_list("email", flat=True)[:_MOST])
