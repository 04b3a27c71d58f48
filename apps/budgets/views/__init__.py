"""Pages of budgets and alerts."""
