"""What an alert is raised for, as plain values: a line that was crossed, by whoever noticed it."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Crossing:
    """One thing that happened. `kind`, `subject` and `occurrence` name it: seen again, it is the same alert.

    `subject` is what it is about ("budget:12"), `occurrence` which time ("2026-11-01 actual 80%"). `facts` are words
    and numbers for people, in the order in which they are shown. With `mails` false it shows on the pages alone.
    """

    kind: str
    subject: str
    occurrence: str
    severity: str
    title: str
    facts: Mapping[str, str]
    budget_id: int | None
    project_id: int | None
    mails: bool = True
