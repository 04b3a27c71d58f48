"""The sums every rollup row keeps, in the order in which they are written and read."""

SUMS = (
    "calls",
    "observed_calls",
    "ok_calls",
    "error_calls",
    "tool_executions",
    "unpriced_calls",
    "estimated_calls",
    "repeated_calls",
    "cache_hits",
    "input_tokens",
    "output_tokens",
    "cache_read_input_tokens",
    "cache_creation_input_tokens",
    "reasoning_output_tokens",
    "cost_usd",
    "avoided_usd",
    "latency_calls",
    "latency_ms_sum",
    "first_token_calls",
    "first_token_ms_sum",
)
HISTOGRAMS = ("latency_bins", "first_token_bins")
NARROW_SUMS = (
    "calls",
    "error_calls",
    "tool_executions",
    "unpriced_calls",
    "input_tokens",
    "output_tokens",
    "cache_read_input_tokens",
    "cost_usd",
)
