"""Outcomes: how tasks went, told by tests, people, judges and agents."""
