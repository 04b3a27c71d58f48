"""What a person is told of a decision: of budgets over more than their projects, neither names nor sums."""

from collections.abc import Mapping
from typing import Any

from apps.access.domain.identity import Caller
from apps.budgets.selectors.budgets import budgets_of

WIDER = "A budget over more than the projects you see decided this."
_PARTS = {"budget": ("id", "name"), "downgrade": ("budget_id", "budget")}
"""What names a budget in an answer, and its id and name there."""


def told_to(caller: Caller, answer: Mapping[str, Any]) -> Mapping[str, Any]:
    """The answer of a decision as this caller may read it. An agent's key is told all that holds its calls up."""
    named = {part: answer[part] for part in _PARTS if answer.get(part)}
    if caller.kind == "key" or caller.project_ids is None or not named:
        return answer
    seen = {str(one) for one in budgets_of(caller).values_list("id", flat=True)}
    hidden = {part: one for part, one in named.items() if one[_PARTS[part][0]] not in seen}
    names = [one[_PARTS[part][1]] for part, one in hidden.items()]
    reason = WIDER if any(name in answer["reason"] for name in names) else answer["reason"]
    return {**answer, **dict.fromkeys(hidden), "reason": reason}
