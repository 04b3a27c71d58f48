"""Writes of policies and decisions, one transaction each, safe to run twice."""
