"""Forms of budgets, alerts and channels: they read what was typed; what is allowed is decided by the domain."""
