"""Merging an agent or a project into another: what it would do, doing it, and how far it is, for pages and the API."""
