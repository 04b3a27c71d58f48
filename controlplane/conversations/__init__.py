"""Conversations: which were dear, what happened in one, and how it went."""
