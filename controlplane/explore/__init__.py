"""Explore: any measure by any two dimensions, down to the records behind a number."""
