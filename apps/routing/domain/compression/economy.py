"""Whether compressing pays: what later calls save, against the warm prompt cache that a changed prefix loses."""

from dataclasses import dataclass
from decimal import Decimal

_MTOK = Decimal(10**6)


@dataclass(frozen=True, slots=True)
class Economy:
    """USD. `saved` is over the calls ahead, `lost` and `summary` once, `per_call` what each of those calls saves."""

    saved: Decimal
    lost: Decimal
    per_call: Decimal
    summary: Decimal = Decimal(0)

    @property
    def is_worth_it(self) -> bool:
        return self.saved > self.lost + self.summary


def economy_of(
    *,
    tokens_saved: int,
    kept_after_change: int,
    cached_tokens: int,
    tokens_before_change: int,
    input_usd_per_mtok: Decimal,
    cache_read_usd_per_mtok: Decimal,
    calls_ahead: int,
    summary_usd: Decimal = Decimal(0),
) -> Economy:
    """What `calls_ahead` further calls with this prefix save, what the first of them loses, and what a summary cost.

    Of the cached tokens those behind the first change are read from the cache no more: the kept ones among them
    (`kept_after_change`, as far as they were cached) cost the full input rate once. What was taken out would have cost
    the cached rate in every call where it was cached, else the input rate.
    """
    warm = max(0, cached_tokens - tokens_before_change)
    again = min(kept_after_change, warm)
    saved_warm = min(tokens_saved, warm)
    per_call = saved_warm * cache_read_usd_per_mtok + (tokens_saved - saved_warm) * input_usd_per_mtok
    lost = again * max(Decimal(0), input_usd_per_mtok - cache_read_usd_per_mtok)
    return Economy(per_call * max(1, calls_ahead) / _MTOK, lost / _MTOK, per_call / _MTOK, summary_usd)
