"""Reads of policies, decisions and model health, as plain rows."""
