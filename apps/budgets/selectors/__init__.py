"""Reads of budgets and alerts, as plain rows."""
