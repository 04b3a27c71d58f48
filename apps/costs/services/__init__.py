"""Writes of usage and prices, one transaction each, safe to run twice."""
