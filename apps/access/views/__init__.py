"""Pages of access: login, passwords, invitations, keys, people, the audit log."""
