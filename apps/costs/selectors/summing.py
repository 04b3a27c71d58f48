"""SQL that adds rollup rows up: sums of every measure, and histograms merged bin by bin."""

from apps.costs.domain.latency import COUNT_BITS, COUNT_MASK
from apps.costs.domain.measures import HISTOGRAMS, SUMS

MEASURES = ", ".join((*SUMS, *HISTOGRAMS))


def summed(source: str, keys: str) -> str:
    """The rows of `source` added up by `keys`, every measure by its name."""
    return f"""
        SELECT {keys}, {", ".join(SUMS)},
            coalesce(latency_bins, '{{}}') AS latency_bins, coalesce(first_token_bins, '{{}}') AS first_token_bins
        FROM (SELECT {keys}, {totals(SUMS)} FROM {source} u GROUP BY {keys}) sums
        LEFT JOIN ({_bins("latency_bins", source, keys)}) latency USING ({keys})
        LEFT JOIN ({_bins("first_token_bins", source, keys)}) first_token USING ({keys})"""


def totals(names: tuple[str, ...]) -> str:
    """The aggregates of these measures of a table `u`, each by its own name."""
    return ", ".join(f"{total(f'u.{name}', name)} AS {name}" for name in names)


def total(expression: str, name: str) -> str:
    """The aggregate that adds up a measure of this name: exact, and for integers without overhead per group."""
    return f"sum({expression})" if name.endswith("_usd") else f"bursar_total({expression})"


def _bins(column: str, source: str, keys: str) -> str:
    return f"""
        SELECT {keys}, array_agg((bin << {COUNT_BITS}) + n ORDER BY bin) AS {column} FROM (
            SELECT {keys}, entry >> {COUNT_BITS} AS bin, bursar_total(entry & {COUNT_MASK}) AS n
            FROM {source} u CROSS JOIN unnest(u.{column}) AS entry GROUP BY {keys}, bin
        ) counted GROUP BY {keys}"""
