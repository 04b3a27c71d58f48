"""Tables of budgets, alerts and channels."""
