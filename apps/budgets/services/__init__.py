"""Writes of budgets and alerts, one transaction each, safe to run twice."""
