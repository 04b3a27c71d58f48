"""Tables: people and invitations, projects and agents, keys, the audit log."""

from apps.access.models.audit import AuditEntry
from apps.access.models.keys import ApiKey
from apps.access.models.people import Invitation, PasswordReset, User
from apps.access.models.places import (
    Agent,
    AgentMerge,
    FormerAgentName,
    FormerProjectName,
    PlacesVersion,
    Project,
    ProjectMerge,
)

__all__ = [
    "Agent",
    "AgentMerge",
    "ApiKey",
    "AuditEntry",
    "FormerAgentName",
    "FormerProjectName",
    "Invitation",
    "PasswordReset",
    "PlacesVersion",
    "Project",
    "ProjectMerge",
    "User",
]
