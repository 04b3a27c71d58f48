"""Money as whole femto-dollars (10^-15 USD) on hot paths, exact in both directions with NUMERIC(30,15)."""

from decimal import Decimal

_FEMTO_PER_USD = 10**15


def usd(femto: int) -> Decimal:
    """Femto-dollars as USD, exact whatever the decimal context."""
    return Decimal(usd_text(femto))


def usd_text(femto: int) -> str:
    """Femto-dollars as a decimal string of USD with 15 decimals, for NUMERIC(30,15)."""
    sign = "-" if femto < 0 else ""
    whole, fraction = divmod(abs(femto), _FEMTO_PER_USD)
    return f"{sign}{whole}.{fraction:015d}"


def femto_of(usd_amount: str) -> int:
    """A plain decimal string of USD with at most 15 decimals as femto-dollars. Raises ValueError for anything else."""
    whole, _, fraction = usd_amount.partition(".")
    if not (
        usd_amount.isascii() and whole.isdecimal() and len(fraction) <= 15 and (fraction.isdecimal() or not fraction)
    ):
        raise ValueError(f"not a plain USD amount with at most 15 decimals: {usd_amount!r}")
    return int(whole) * _FEMTO_PER_USD + int(fraction.ljust(15, "0"))
