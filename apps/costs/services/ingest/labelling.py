"""The names of a batch that become labels: users, tools, tags and types of error."""

from collections.abc import Collection, Iterable, Mapping
from operator import attrgetter

from apps.costs.domain.kinds import LabelKind
from apps.costs.services.ingest.reading import Row

Labels = Mapping[tuple[int, str], int]

# Plain integers: an enumeration costs a look-up at every record.
USER_LABEL, TOOL_LABEL, TAG_LABEL = (int(kind) for kind in (LabelKind.USER, LabelKind.TOOL, LabelKind.TAG))
ERROR_LABEL = int(LabelKind.ERROR_TYPE)


def wanted_labels(rows: Iterable[Row], fields: Collection[str]) -> set[tuple[int, str]]:
    """The users, tools, tags and error types that a batch names; `fields` are those any of its records has."""
    wanted: set[tuple[int, str]] = set()
    usages = [one.usage for one in rows]
    for kind, name in ((USER_LABEL, "user"), (TOOL_LABEL, "tool"), (ERROR_LABEL, "error_type")):
        if name in fields:
            wanted.update([(kind, found) for found in set(map(attrgetter(name), usages)) if found])
    if "tags" in fields:
        wanted.update((TAG_LABEL, f"{name}={value}") for usage in usages for name, value in (usage.tags or {}).items())
    return wanted
