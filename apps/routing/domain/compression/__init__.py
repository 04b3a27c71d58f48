"""Prompts made shorter without a model: what is said twice, written wide, or was never referred to again.

The same messages give the same result. Nothing is taken from what a user said, from calls of tools, from the newest
messages, from code, or from anything that was asked to stay.
"""

from .compressing import compress
from .economy import Economy, economy_of
from .messages import Compressed, Dropped, Message, Reason, SummaryRequest
from .standing import share_kept
from .summaries import MOST as LONGEST_SUMMARY

__all__ = [
    "LONGEST_SUMMARY",
    "Compressed",
    "Dropped",
    "Economy",
    "Message",
    "Reason",
    "SummaryRequest",
    "compress",
    "economy_of",
    "share_kept",
]
