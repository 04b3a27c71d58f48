"""Raising alerts, and what becomes of them."""
