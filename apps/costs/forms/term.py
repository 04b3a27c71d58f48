"""From when until when: the part that every form about prices shares."""

from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django import forms

from apps.access.forms import ServiceForm
from apps.costs.domain.calendars import day_start

NOTE_LENGTH = 500
_PREVIEW_HOLDS = timedelta(hours=12)
# Days beyond these cannot be told in every time zone.
_EARLIEST, _LATEST = date(1970, 1, 1), date(9000, 1, 1)


class TermForm(ServiceForm):
    """Two days of the reporting zone become two instants."""

    start = forms.DateField(
        label="From the start of", required=False, widget=forms.DateInput(attrs={"type": "date"}),
        help_text="Empty: from now on.",
    )  # fmt: skip
    end = forms.DateField(
        label="Until the end of", required=False, widget=forms.DateInput(attrs={"type": "date"}),
        help_text="Empty: no end.",
    )  # fmt: skip
    note = forms.CharField(
        required=False, max_length=NOTE_LENGTH, help_text="Why: a contract, an invoice, who said so."
    )
    moment = forms.DateTimeField(required=False, widget=forms.HiddenInput)

    def __init__(self, *args: Any, zone: ZoneInfo, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.zone = zone

    def clean_start(self) -> date | None:
        return _known_day(self.cleaned_data["start"])

    def clean_end(self) -> date | None:
        return _known_day(self.cleaned_data["end"])

    def clean(self) -> dict[str, Any]:
        typed = super().clean() or {}
        if typed.get("start") and typed.get("end") and typed["end"] < typed["start"]:
            self.add_error("end", "It would end before it begins.")
        return typed

    def instants(self, now: datetime) -> tuple[datetime, datetime | None]:
        """The first instant of it, and the first one after it."""
        first, last = self.cleaned_data["start"], self.cleaned_data["end"]
        start = day_start(first, self.zone) if first else self._previewed_at(now)
        return start, day_start(last + timedelta(days=1), self.zone) if last else None

    def _previewed_at(self, now: datetime) -> datetime:
        """What "now" was when the change was previewed, so that sending it twice means the same."""
        moment: datetime | None = self.cleaned_data["moment"]
        return moment if moment and now - _PREVIEW_HOLDS < moment <= now else now.replace(microsecond=0)


def _known_day(day: date | None) -> date | None:
    if day is not None and not _EARLIEST <= day <= _LATEST:
        raise forms.ValidationError(f"A day between {_EARLIEST} and {_LATEST}.")
    return day
