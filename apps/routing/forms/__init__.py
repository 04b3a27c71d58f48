"""Forms of routing."""
