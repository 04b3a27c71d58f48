"""The API of budgets, reservations and alerts."""
