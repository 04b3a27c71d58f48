"""The one way to an address that somebody typed. Nothing else in Bursar opens a connection on a user's word."""

from apps.budgets.services.outbound.client import Answer, OutboundError, check, post

__all__ = ["Answer", "OutboundError", "check", "post"]
