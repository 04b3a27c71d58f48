"""What every page shares that shows an effect before it saves: when to save, and what a preview sends on."""

from datetime import datetime

from django import forms

from apps.access.domain.identity import Role
from apps.access.pages import PageRequest
from apps.costs.selectors.rate_book import current_version

CHANGED_SINCE = "The price book has changed since you looked. Nothing was saved; this is how it would be now."


def may_change(request: PageRequest) -> bool:
    """Whether this person may change prices: they hold for every project."""
    return request.caller.has_role(Role.ADMIN) and request.caller.project_ids is None


def complaint(request: PageRequest) -> str | None:
    """Why a change is shown and not saved: "" when a preview was asked for, None when it is to be saved."""
    if request.POST.get("step") == "preview":
        return ""
    return None if request.POST.get("version") == str(current_version()) else CHANGED_SINCE


def sent_on(request: PageRequest, form: forms.Form, start: datetime | None) -> dict[str, str]:
    """The hidden fields of a preview: what was typed, what "now" meant, and the book it was seen with."""
    typed = {name: value for name, value in request.POST.items() if name in form.fields and isinstance(value, str)}
    return {**typed, "moment": start.isoformat() if start else "", "version": str(current_version())}
