"""Forms of budgets and alerts. What is allowed is decided by services; forms only read what was typed."""
