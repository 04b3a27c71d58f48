"""How hard an ask is: a score between 0 and 1 that explains itself.

    analyze(ask, state, DEFAULT_WEIGHTS) -> Complexity

1. `stripping` keeps what the person asks and measures what was pasted or injected around it.
2. `reading` cuts the ask into words, once.
3. `factors` gives each named factor a value between 0 and 1, with evidence.
4. `wording` adds what the words and pairs of words themselves say, as fitted on public outcomes.
5. `analyzing` adds the weighted factors up to log-odds; the score is their logistic.
"""

from apps.routing.domain.complexity.analyzing import analyze
from apps.routing.domain.complexity.asking import Ask, Complexity, ConversationState, Factor
from apps.routing.domain.complexity.weights import DEFAULT_WEIGHTS, Weights

__all__ = ["DEFAULT_WEIGHTS", "Ask", "Complexity", "ConversationState", "Factor", "Weights", "analyze"]
