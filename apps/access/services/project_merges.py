"""Merges a project into another: one project and one history from then on.

Ids of calls, tasks, decisions and reservations are unique in a project, and agents go on to send its name. So the row
of the merged project keeps all that points to it, and what is still sent under its own name goes on being written
there; it takes the name of the other one, and whoever reads a project reads all of its rows. Nothing is moved but its
agents, whose names are those of one project from then on.
"""

from dataclasses import dataclass, field
from typing import Literal, get_args

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from apps.access.domain.errors import Conflict, NotAllowed, Refused
from apps.access.domain.identity import Caller, Role, Scope
from apps.access.extension_points import project_merged
from apps.access.models import (
    Agent,
    AgentMerge,
    ApiKey,
    FormerAgentName,
    FormerProjectName,
    Invitation,
    Project,
    ProjectMerge,
    User,
)
from apps.access.selectors.places import projects_of
from apps.access.services import audit
from apps.access.services.keys import end_admin_keys_of
from apps.access.services.places import hold_creation

Sight = Literal["give", "take"]
"""What becomes of those who see the merged project but not the other: they see both from then on, or neither."""
SIGHTS: tuple[Sight, ...] = get_args(Sight)
READING = frozenset({Scope.METRICS_READ, Scope.ADMIN})


@dataclass(frozen=True, slots=True)
class Onlookers:
    """Whose sight a merge changes: people and open invitations by their address, keys by their name, in order."""

    gaining: tuple[str, ...] = ()
    """They are limited to the other project, and see what was the merged one's from then on."""
    asked_about: tuple[str, ...] = ()
    """They are limited to the merged project: a choice has to be made."""
    keys_gaining: tuple[str, ...] = ()
    keys_asked_about: tuple[str, ...] = ()

    @property
    def has_people(self) -> bool:
        """Whether the sight of anybody changes, which owners alone decide."""
        return bool(self.gaining or self.asked_about)

    @property
    def needs_choice(self) -> bool:
        """Whether there is anybody to choose for."""
        return bool(self.asked_about or self.keys_asked_about)


def pair_of(caller: Caller, project_id: int, into_id: int, *, lock: bool = False) -> tuple[Project, Project]:
    """The project that is to be merged and the one it goes into, both within the caller's sight.

    Raises Project.DoesNotExist for one that is not, or that was merged already; Refused for two that cannot be one.
    """
    if project_id == into_id:
        raise Refused("A project cannot be merged into itself.", code="same_project", path="into")
    seen = projects_of(caller).order_by("id").filter(id__in=(project_id, into_id))
    found = {project.pk: project for project in (seen.select_for_update() if lock else seen)}
    if project_id not in found:
        raise Project.DoesNotExist
    if into_id not in found:
        message = "There is no such project, or it was merged into another itself."
        raise Refused(message, code="unknown_project", path="into")
    project, into = found[project_id], found[into_id]
    if project.is_demo or into.is_demo:
        message = "Demo data is kept apart and removed as a whole: its projects are not merged."
        raise Refused(message, code="demo", path="into")
    return project, into


def merged_before(caller: Caller, project_id: int, into_id: int) -> ProjectMerge | None:
    """The merge of these two that stands already, within the caller's sight."""
    seen = projects_of(caller).order_by()
    return ProjectMerge.objects.filter(project=project_id, into=into_id, into__in=seen).first()


def onlookers(project: Project, into: Project) -> Onlookers:
    """Whose sight merging changes. People who see every project, or both of these, are not among them."""
    limited = User.objects.filter(limited=True)
    invited = Invitation.objects.open().filter(limited=True)

    def addresses(seen: Project, unseen: Project) -> tuple[str, ...]:
        found = [
            *limited.filter(projects=seen).exclude(projects=unseen).values_list("email", flat=True),
            *(
                f"{email} (invited)"
                for email in invited.filter(projects=seen).exclude(projects=unseen).values_list("email", flat=True)
            ),
        ]
        return tuple(sorted(found))

    def keys(seen: Project) -> tuple[str, ...]:
        rows = ApiKey.objects.live().filter(Q(project=seen) | Q(project__merged_into=seen)).order_by("name", "id")
        return tuple(key.name for key in rows if READING & set(key.scopes))

    return Onlookers(addresses(into, project), addresses(project, into), keys(into), keys(project))


@transaction.atomic
def merge_project(*, caller: Caller, project_id: int, into_id: int, sight: Sight | None = None) -> ProjectMerge:
    """Merge a project into another; the same again changes nothing.

    Raises as `pair_of`; Conflict for a key that is bound to it; NotAllowed for anyone but an owner where the sight of
    people changes; Refused where `sight` has to be chosen and is not.
    """
    if (standing := merged_before(caller, project_id, into_id)) is not None:
        return standing
    hold_creation()
    project, into = pair_of(caller, project_id, into_id, lock=True)
    if caller.project_id == project_id:
        message = "This key is bound to the project that would be merged: ask with one that is not."
        raise Conflict(message, code="own_project", path="into")
    watched = onlookers(project, into)
    if watched.has_people and not (caller.has_role(Role.OWNER) and not caller.is_limited):
        raise NotAllowed("People would see more or less: only owners decide that.", code="owners_only")
    if watched.needs_choice and sight not in SIGHTS:
        message = "Somebody sees the merged project and not the other: say whether they see both, or neither."
        raise Refused(message, code="required", path="sight")
    name = project.name
    seen = _move_sight(project, into, "give" if sight is None else sight)
    dropped = merge_rows(project, into)
    merge = ProjectMerge.objects.create(project=project, into=into, name=name, merged_by=caller.actor)
    project_merged.send(sender=Project, project_id=project.pk, into_id=into.pk, before=name, after=into.name)
    audit.record(
        caller=caller,
        action="project.merged",
        obj=project,
        before={"name": name},
        after={"into": into.pk, "name": into.name, "dropped_agent_names": dropped, **seen.told()},
        project_id=into.pk,
    )
    return merge


def merge_rows(project: Project, into: Project) -> list[str]:
    """Let a project read as another one from now on, with its agents. What former names of agents no longer lead to."""
    dropped = list(names_that_move(project, into))
    _take_name(project, into)
    _move_agents(project, into)
    return dropped


def _take_name(project: Project, into: Project) -> None:
    """A project, and what was merged into it, is called as the other one; each keeps its own names."""
    FormerProjectName.objects.create(name=project.name, project=project)
    ProjectMerge.objects.filter(into=project).update(into=into)
    project.merged.update(name=into.name, merged_into=into)
    project.sent_as, project.name, project.merged_into = project.name, into.name, into
    project.save(update_fields=["sent_as", "name", "merged_into"])


def names_that_move(project: Project, into: Project) -> tuple[str, ...]:
    """Former names of agents that mean somebody else once both are one project, or say in words what becomes of them.

    A name means who has it now, then who had it in the project that stays.
    """
    theirs = dict(into.agents.standing().values_list("name", "id"))
    ours = set(project.agents.standing().values_list("name", flat=True))
    before = {one.name: one.agent for one in into.former_agent_names.select_related("agent")}
    told = []
    for one in project.former_agent_names.select_related("agent").order_by("name"):
        holder = one.name if one.name in theirs else before[one.name].name if one.name in before else None
        if holder is not None and holder != one.agent.name:
            told.append(f"{one.name} means {holder} then, and no more {one.agent.name}")
    for name, agent in sorted(before.items()):
        if name in ours and agent.name != name:
            told.append(f"{name} means {name} of {project.name} then, and no more {agent.name}")
    return tuple(told)


def _move_agents(project: Project, into: Project) -> None:
    """Make the agents those of the other project; those of one name are one."""
    theirs = {agent.name: agent for agent in into.agents.standing()}
    for agent in project.agents.standing():
        if (other := theirs.get(agent.name)) is not None:
            agent.former_names.update(agent=other)
            agent.keys.update(agent=other)
            AgentMerge.objects.filter(into=agent).update(into=other)
            agent.merged.update(merged_into=other)
            agent.merged_into = other
            agent.save(update_fields=["merged_into"])
    names = {agent.name for agent in project.agents.standing()}
    taken = {*theirs, *into.former_agent_names.exclude(name__in=names).values_list("name", flat=True)}
    into.former_agent_names.filter(name__in=names).delete()
    FormerAgentName.objects.filter(project=project, name__in=taken).delete()
    FormerAgentName.objects.filter(project=project).update(project=into)
    Agent.objects.filter(project=project).update(project=into)


@dataclass(slots=True)
class _Moved:
    """What became of the sight of people and keys, for the audit log."""

    sight: Sight
    people: list[int] = field(default_factory=list)
    keys: list[int] = field(default_factory=list)
    revoked_keys: list[int] = field(default_factory=list)

    def told(self) -> dict[str, object]:
        return {"sight": self.sight, "people": self.people, "keys": self.keys, "revoked_keys": self.revoked_keys}


def _move_sight(project: Project, into: Project, sight: Sight) -> _Moved:
    """A limit to the merged project becomes one to the other; with "take", it goes."""
    done = _Moved(sight)
    for person in User.objects.filter(projects=project).order_by("id"):
        saw_both = person.projects.filter(id=into.pk).exists()
        person.projects.remove(project)
        if sight == "give":
            person.projects.add(into)
        if not saw_both and person.limited:
            done.people.append(person.pk)
            if sight == "take":
                done.revoked_keys += end_admin_keys_of(person.pk)
                Invitation.objects.open().filter(created_by=person).update(revoked_at=timezone.now())
    for invitation in Invitation.objects.filter(projects=project):
        invitation.projects.remove(project)
        if sight == "give":
            invitation.projects.add(into)
    if sight == "take":
        _narrow_keys(project, done)
    return done


def _narrow_keys(project: Project, done: _Moved) -> None:
    """Keys of the merged project go on reporting and asking, and read nothing any more; those left with nothing end."""
    for key in ApiKey.objects.live().filter(Q(project=project) | Q(project__merged_into=project)).order_by("id"):
        left = [scope for scope in key.scopes if scope not in READING]
        if left == key.scopes:
            continue
        if left:
            ApiKey.objects.filter(id=key.pk).update(scopes=left)
            done.keys.append(key.pk)
        else:
            ApiKey.objects.filter(id=key.pk).update(revoked_at=timezone.now())
            done.revoked_keys.append(key.pk)
