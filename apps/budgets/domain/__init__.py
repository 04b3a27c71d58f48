"""Arithmetic and decisions about budgets, on plain values."""
