"""Usage and spend as a FOCUS dataset (FinOps Open Cost and Usage Specification), for tools that finance people use."""
