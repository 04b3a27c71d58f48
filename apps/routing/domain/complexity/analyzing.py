"""The score of an ask: weighted factors added up to log-odds, and how sure its tier is."""

import math

from apps.routing.domain.complexity.asking import Ask, Complexity, ConversationState, Factor
from apps.routing.domain.complexity.factors import FACTORS, Look, continuation
from apps.routing.domain.complexity.reading import read
from apps.routing.domain.complexity.stripping import strip
from apps.routing.domain.complexity.weights import Weights
from apps.routing.domain.complexity.wording import Heard, hear

_MOST_LOG_ODDS = 6.0


def analyze(ask: Ask, state: ConversationState | None, weights: Weights) -> Complexity:
    """How hard the ask is.

    1. Every factor adds weight × (value − typical value) to the log-odds of the typical ask.
    2. An ask that merely says "go on" is drawn towards the score before it, by as much as it says nothing else.
    3. The score is the logistic of the sum; confidence is the chance that the sum, with the spread it has, lies on
       this side of the nearest edge between tiers.
    """
    stripped = strip(ask.message, scan_characters=weights.scan_characters)
    reading = read(stripped.ask, word_characters=weights.word_characters)
    look = Look(ask, state, stripped, reading, weights.all_lexicons)
    factors = [_weighed(name, look, weights) for name in FACTORS]
    heard = hear(reading, weights.wording) if weights.wording else None
    if heard:
        factors.append(_worded(heard, weights))
    own = weights.bias + sum([factor.contribution for factor in factors])
    going_on = _going_on(look, own)
    total = _bounded(own + going_on.contribution)
    factors.append(going_on)
    score = _logistic(total)
    return Complexity(score, _confidence(total, look, heard, weights), tuple(factors), reading)


def _weighed(name: str, look: Look, weights: Weights) -> Factor:
    found = FACTORS[name](look)
    pull = weights.weights.get(name, 0.0) * (found.value - weights.typical.get(name, 0.0))
    return Factor(name, found.value, pull, found.evidence)


def _worded(heard: Heard, weights: Weights) -> Factor:
    pull = weights.wording_share * heard.log_odds
    return Factor("wording", _logistic(_bounded(heard.log_odds)), pull, heard.evidence)


def _going_on(look: Look, own: float) -> Factor:
    found = continuation(look)
    before = look.state.previous_score if look.state else None
    if not found.value or before is None:
        return Factor("continuation", found.value, 0.0, found.evidence)
    pull = found.value * (_log_odds(before) - _bounded(own))
    return Factor("continuation", found.value, pull, f"{found.evidence}; the score before was {before:.2f}")


def _confidence(total: float, look: Look, heard: Heard | None, weights: Weights) -> float:
    """The spread grows for asks of few words, of words never seen, and of nothing but keywords."""
    distance = min((abs(total - _log_odds(edge)) for edge in weights.edges), default=_MOST_LOG_ODDS)
    spread = weights.spread * (1.0 if look.reading.size >= 4 else 1.5) * (2.0 - look.stuffing)
    if heard and weights.wording:
        spread *= math.sqrt(max(1.0, weights.wording.usual_known / max(0.1, heard.known)))
    return 0.5 * (1.0 + math.erf(distance / (spread * math.sqrt(2.0))))


def _log_odds(score: float) -> float:
    score = min(0.999, max(0.001, score))
    return math.log(score / (1.0 - score))


def _bounded(log_odds: float) -> float:
    return min(_MOST_LOG_ODDS, max(-_MOST_LOG_ODDS, log_odds))


def _logistic(log_odds: float) -> float:
    return 1.0 / (1.0 + math.exp(-log_odds))
