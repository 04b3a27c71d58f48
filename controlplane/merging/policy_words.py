"""What the routing policy in force says of names that are merged, for a person."""

from typing import Literal

import msgspec

from apps.routing.domain.policy import Rule
from apps.routing.selectors.in_force import in_force


def routing_of(kind: Literal["agent", "project"], names: set[str]) -> tuple[str, ...]:
    """The rules and switches of agents, or of projects, of these names, in the policy's own order."""
    found = in_force()
    if found is None or not names & (found.agents if kind == "agent" else found.projects):
        return ()
    rules = [
        f"Rule {number}: {_words(rule)}"
        for number, rule in enumerate(found.policy.rules, 1)
        if getattr(rule.when, kind) in names
    ]
    off = found.policy.off.agents if kind == "agent" else found.policy.off.projects
    return (*rules, *(f"Routing is off for {name}" for name in off if name in names))


def _words(rule: Rule) -> str:
    where = ", ".join(
        f"{name.replace('_', ' ')} {value}" for name, value in msgspec.structs.asdict(rule.when).items() if value
    )
    tier = f"tier {rule.tier} ({rule.at})" if rule.tier else ""
    only = f"only {', '.join(rule.providers)}" if rule.providers else ""
    return f"{where} → {' and '.join(filter(None, (tier, only))) or 'as scored'}"
