"""Arithmetic and decisions about which model to use, on plain values."""
