"""Coarse values that rows are found and ordered by, as SQL.

They rise with the exact value but seldom change, so that most updates of a row touch no index: an index of the exact
value would need a new entry at every call. Within equal coarse values the exact one orders.
"""

COST_EDGES = ",".join(f"{digit}e{power}" for power in range(-6, 6) for digit in (1, 2, 5))
"""Where classes of cost begin, in USD: from a millionth, each about twice the one before."""


def class_of(usd: str) -> str:
    """The class of an amount, 0 below the first edge; of two amounts the larger one is never in the lower class."""
    return f"width_bucket(({usd})::float8, '{{{COST_EDGES}}}'::float8[])"


def hour_of(moment: str) -> str:
    """The UTC hour that a moment lies in, whatever the time zone of the session."""
    return f"date_bin('1 hour', {moment}, '2000-01-01+00')"
