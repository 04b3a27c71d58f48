"""The API of keys, people, projects, agents and the audit log."""
