"""Names that a person may be offered while they type: what their projects were seen to use."""

from dataclasses import dataclass

from apps.access.domain.identity import Caller
from apps.access.selectors.places import agents_of, projects_of, with_merged
from apps.costs.models import Cell, UsedModel
from apps.costs.selectors.task_types import task_types_of

MOST_NAMES = 2000


@dataclass(frozen=True, slots=True)
class KnownNames:
    """At most 2,000 of each kind, by name. What is not among them can be typed all the same."""

    projects: list[str]
    agents: list[str]
    models: list[str]
    task_types: list[str]


def known_names(caller: Caller) -> KnownNames:
    """The names of what somebody may see."""
    projects = projects_of(caller)
    seen = with_merged(projects.values_list("id", flat=True))
    used = Cell.objects.filter(project_id__in=seen).values("model_id")
    models = UsedModel.objects.filter(id__in=used).order_by("name").values_list("name", flat=True).distinct()
    return KnownNames(
        projects=list(projects.values_list("name", flat=True)[:MOST_NAMES]),
        agents=list(agents_of(caller).order_by("name").values_list("name", flat=True).distinct()[:MOST_NAMES]),
        models=list(models[:MOST_NAMES]),
        task_types=list(task_types_of(seen).values_list("name", flat=True)[:MOST_NAMES]),
    )


def models_by_provider(caller: Caller, *, most: int = MOST_NAMES) -> list[str]:
    """`provider/name` of the models that calls somebody may see were sent to, in that order."""
    seen = with_merged(projects_of(caller).values_list("id", flat=True))
    used = Cell.objects.filter(project_id__in=seen).values("model_id")
    rows = UsedModel.objects.filter(id__in=used).order_by("provider", "name")
    return [f"{provider}/{name}" for provider, name in rows.values_list("provider", "name")[:most]]
