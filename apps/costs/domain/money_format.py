"""Exact money as the API writes it."""

from decimal import Decimal


def format_money(amount: Decimal) -> str:
    """USD without an exponent, trailing zeros dropped, at least two decimals: 0.5 -> "0.50", 1E-7 -> "0.0000001".

    Raises ValueError for NaN and infinities: neither is money.
    """
    if not amount.is_finite():
        raise ValueError(f"{amount} is not an amount of money")
    whole, _, fraction = format(amount, "f").partition(".")
    text = f"{whole}.{fraction.rstrip('0').ljust(2, '0')}"
    return "0.00" if text == "-0.00" else text
