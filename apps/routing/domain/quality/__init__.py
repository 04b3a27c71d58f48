"""How often each model succeeds at each kind of task, and how sure that is.

1. `evidence`: an outcome counts by who judged it and how long ago.
2. `estimating`: a hierarchy of Beta distributions, from the model over the task type to the cohort; where a level has
   few outcomes of its own, the level above speaks.
3. `bounds`: lower bounds, with which choices are gated.

Below `candidates.KNOWN_FROM` outcomes of its own a quality is unknown.
"""

from apps.routing.domain.quality.bounds import beta_quantile, wilson_lower
from apps.routing.domain.quality.estimating import PRIOR_MASS, Estimate, estimate, quality_of, stored
from apps.routing.domain.quality.evidence import HALF_LIFE_DAYS, LEFT, Evidence, Observed, gathered, observed_of

__all__ = [
    "HALF_LIFE_DAYS",
    "LEFT",
    "PRIOR_MASS",
    "Estimate",
    "Evidence",
    "Observed",
    "beta_quantile",
    "estimate",
    "gathered",
    "observed_of",
    "quality_of",
    "stored",
    "wilson_lower",
]
