"""What higher apps are told by access, within the transaction of the act."""

from django.dispatch import Signal

agent_renamed = Signal()
"""Sent with `project_id`, `before` and `after`, the names."""

agent_merged = Signal()
"""Sent with `project_id`, `before` and `after`, the names: what had the first has the second from now on."""

project_merged = Signal()
"""Sent with `project_id`, `into_id`, and `before` and `after`, their names: what was the first's is the second's."""

projects_removed = Signal()
"""Sent with `project_ids` before these projects are deleted, in the same transaction: nothing of them is to remain."""
