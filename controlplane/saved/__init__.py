"""Saved views: states of reading pages that people keep under a name, for themselves or for all who may see them."""
