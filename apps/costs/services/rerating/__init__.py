"""Re-rating: records priced again as an audited run that is previewed, approved, applied in steps, and reversible."""

from apps.costs.services.rerating.asking import Filter, abandon, approve, ask, ask_to_reverse
from apps.costs.services.rerating.working import work_on_rerates

__all__ = ["Filter", "abandon", "approve", "ask", "ask_to_reverse", "work_on_rerates"]
