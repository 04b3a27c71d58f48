"""Sending what waits: each message is leased, sent and marked, so that two workers never send the same one."""
