"""From a reading page to the form of a what-if, filled with the days and filters that one was looking at."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from urllib.parse import urlencode

from django.conf import settings
from django.urls import reverse

from apps.access.domain.identity import Caller, Role
from apps.access.selectors.places import standing_project_id_of
from controlplane.viewstate import NO_VALUE

_DAY = timedelta(days=1)


def what_if_url(caller: Caller, filters: Iterable[tuple[str, Sequence[str]]], *, since: datetime, now: datetime) -> str:
    """The form over the days from `since` until `now`; "" for those who may not ask.

    The form takes one project, agent and task type, and one model of a provider as the one to leave; several values of
    one, and filters by anything else, are left out.
    """
    if not caller.has_role(Role.ADMIN):
        return ""
    single = {name: values[0] for name, values in filters if len(values) == 1 and values[0] not in ("", NO_VALUE)}
    days = min(max(1, -((since - now) // _DAY)), settings.REPLAY_MAX_DAYS)
    provider, model = single.get("provider"), single.get("model")
    given = {
        "days": days,
        "project": standing_project_id_of(single["project"]) if "project" in single else None,
        "agent": single.get("agent"),
        "of_task_type": single.get("task_type"),
        "source": f"{provider}/{model}" if provider and model else None,
    }
    return f"{reverse('routing:what-if')}?{urlencode({name: value for name, value in given.items() if value})}"
