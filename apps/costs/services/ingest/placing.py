"""The second step of ingest: where a record belongs. Names become ids; bindings and caps of keys are enforced."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from apps.access.domain.errors import TooMany
from apps.access.domain.identity import Caller
from apps.access.services import places
from apps.costs.domain.kinds import LabelKind, Operation, Status
from apps.costs.domain.providers import canonical_provider
from apps.costs.domain.usage import FieldError
from apps.costs.extension_points import Tiering, tiering
from apps.costs.services import names
from apps.costs.services.ingest.reading import Refused, Row

DEFAULT_PROJECT = "default"
MAX_REMEMBERED = 50_000

RawKey = tuple[Any, ...]
TIER = 4


def _raw_keys(sent: Iterable[Row]) -> list[RawKey]:
    """What decides where each record belongs."""
    return [
        (
            usage.project,
            usage.agent,
            usage.provider,
            usage.model,
            usage.tier,
            usage.role,
            usage.task_type,
            usage.status,
            usage.operation,
        )
        for usage in [one.usage for one in sent]
    ]


@dataclass(frozen=True, slots=True)
class Place:
    """Where all records with the same names belong, resolved once."""

    project_id: int
    agent_id: int
    cell_id: int
    model_id: int
    operation_id: int
    sent_provider_id: int
    provider: str
    model: str
    status: int
    is_tool: bool


class _Remembered:
    """Places that records resolved to, valid for one version of projects and agents."""

    def __init__(self) -> None:
        self.version = (-1, 0)
        self.places: dict[Caller, dict[RawKey, Place]] = {}

    def of(self, caller: Caller) -> dict[RawKey, Place]:
        version = (places.version(), tiering.registered.version() if tiering.registered else 0)
        if version != self.version or sum(map(len, self.places.values())) > MAX_REMEMBERED:
            self.version, self.places = version, {}
        return self.places.setdefault(caller, {})


_remembered = _Remembered()


def forget() -> None:
    """Drop what the process remembers, after rows were removed under it."""
    _remembered.places.clear()


def place(sent: Sequence[Row], caller: Caller) -> tuple[list[Row], list[Refused]]:
    """Give every record its place; refuse those the key may not write to, or that would exceed a cap."""
    known = _remembered.of(caller)
    keys = _raw_keys(sent)
    found = list(map(known.get, keys))
    problems: dict[RawKey, list[FieldError]] = {}
    if None in found:
        problems = _resolve({key for key in keys if key not in known}, caller, known)
        found = list(map(known.get, keys))
    for one, where in zip(sent, found, strict=True):
        one.place = where
    placed: list[Row] = list(sent)
    refused: list[Refused] = []
    if problems:
        placed = [one for one in sent if one.place is not None]
        refused = [
            Refused(one.index, one.usage.id, problems[key])
            for one, key in zip(sent, keys, strict=True)
            if one.place is None
        ]
    if tiering.registered:
        _follow_decisions(placed, caller, known, tiering.registered)
    return placed, refused


def _follow_decisions(placed: Sequence[Row], caller: Caller, known: dict[RawKey, Place], tiers: Tiering) -> None:
    """A linked decision's tier wins over what the record says and over that of its model."""
    linked = [one for one in placed if one.usage.decision_id]
    if not linked:
        return
    decided = tiers.of_decisions({one.usage.decision_id for one in linked if one.usage.decision_id})
    keys = {}
    for one, raw in zip(linked, _raw_keys(linked), strict=True):
        if tier := decided.get((one.place.project_id, one.usage.decision_id or "")):
            keys[one.index] = (*raw[:TIER], tier, *raw[TIER + 1 :])
    if missing := {key for key in keys.values() if key not in known}:
        _resolve(missing, caller, known)
    for one in linked:
        if one.index in keys:
            one.place = known.get(keys[one.index], one.place)


def _resolve(missing: Iterable[RawKey], caller: Caller, known: dict[RawKey, Place]) -> dict[RawKey, list[FieldError]]:
    problems: dict[RawKey, list[FieldError]] = {}
    allowed: dict[RawKey, tuple[str, str]] = {}
    for key in missing:
        project = key[0] or caller.project_name or DEFAULT_PROJECT
        agent = key[1] or caller.agent_name or ""
        errors = _binding_errors(project, agent, caller)
        if errors:
            problems[key] = errors
        else:
            allowed[key] = (project, agent)
    projects = _ensure_projects(allowed, problems)
    pairs = {(projects[project], agent) for project, agent in allowed.values() if agent and project in projects}
    agents = _ensure_agents(pairs, allowed, projects, problems)
    for key, found in _places(allowed, projects, agents).items():
        known[key] = found
    return problems


def _binding_errors(project: str, agent: str, caller: Caller) -> list[FieldError]:
    if not caller.may_name_project(project):
        message = f'This key writes to project "{caller.project_name}" only, not to "{project}".'
        return [FieldError("project", "forbidden_project", message)]
    if not caller.may_report_as(agent):
        message = f'This key reports as agent "{caller.agent_name}" or "{caller.agent_name}/…" only, not as "{agent}".'
        return [FieldError("agent", "forbidden_agent", message)]
    return []


def _ensure_projects(
    allowed: dict[RawKey, tuple[str, str]], problems: dict[RawKey, list[FieldError]]
) -> dict[str, int]:
    try:
        return places.ensure_projects({project for project, _ in allowed.values()})
    except TooMany as error:
        for key in [key for key, (project, _) in allowed.items() if project in error.refused]:
            problems[key] = [FieldError(error.path, error.code, error.message)]
            del allowed[key]
        return error.found


def _ensure_agents(
    pairs: set[tuple[int, str]],
    allowed: dict[RawKey, tuple[str, str]],
    projects: Mapping[str, int],
    problems: dict[RawKey, list[FieldError]],
) -> dict[tuple[int, str], int]:
    try:
        return places.ensure_agents(pairs)
    except TooMany as error:
        for key in [key for key, (project, agent) in allowed.items() if (projects[project], agent) in error.refused]:
            problems[key] = [FieldError(error.path, error.code, error.message)]
            del allowed[key]
        return error.found


def _places(
    allowed: Mapping[RawKey, tuple[str, str]], projects: Mapping[str, int], agents: Mapping[tuple[int, str], int]
) -> dict[RawKey, Place]:
    providers = {key: canonical_provider(key[2]) if key[2] else "" for key in allowed}
    models = names.model_ids({(providers[key], key[3]) for key in allowed if key[3]})
    tiers = {key: key[TIER] or _tier_of_model(providers[key], key[3]) for key in allowed}
    labels = names.label_ids({pair for key in allowed for pair in _labels(key, tiers[key])})
    cells = {}
    for key, (project, agent) in allowed.items():
        project_id = projects[project]
        cells[key] = (
            project_id,
            agents[project_id, agent] if agent else 0,
            models[providers[key], key[3]] if key[3] else 0,
            labels[LabelKind.TIER, tiers[key]] if tiers[key] else 0,
            labels[LabelKind.ROLE, key[5]] if key[5] else 0,
            labels[LabelKind.TASK_TYPE, key[6]] if key[6] else 0,
            int(Status[key[7].upper()]),
        )
    ids = names.cell_ids(set(cells.values()))
    return {
        key: Place(
            project_id=cell[0],
            agent_id=cell[1],
            cell_id=ids[cell],
            model_id=cell[2],
            operation_id=labels[LabelKind.OPERATION, key[8] or Operation.CHAT.value],
            sent_provider_id=labels[LabelKind.PROVIDER, key[2]] if key[2] else 0,
            provider=key[2] or "",
            model=key[3] or "",
            status=cell[6],
            is_tool=key[8] == Operation.EXECUTE_TOOL,
        )
        for key, cell in cells.items()
    }


def _tier_of_model(provider: str, model: str | None) -> str:
    return tiering.registered.of_model(provider, model) if tiering.registered and model else ""


def _labels(key: RawKey, tier: str) -> list[tuple[int, str]]:
    pairs = [
        (LabelKind.TIER, tier),
        (LabelKind.ROLE, key[5]),
        (LabelKind.TASK_TYPE, key[6]),
        (LabelKind.PROVIDER, key[2]),
    ]
    pairs.append((LabelKind.OPERATION, key[8] or Operation.CHAT.value))
    return [(int(kind), name) for kind, name in pairs if name]
