"""Every component in one place, for the people who build pages and for the browser tests."""

from datetime import timedelta
from decimal import Decimal

from django import forms
from django.http import HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_http_methods

from apps.access.domain.identity import Role
from apps.access.pages import PageRequest, page

TOKENS = ("bg", "card", "ink", "muted", "accent", "accent-soft", "line", "edge", "danger", "warn", "ok")
AMOUNTS = tuple(map(Decimal, ("0", "0.0000001", "0.000023", "0.0184", "46.894", "1234567.891")))


class SampleForm(forms.Form):
    """One field of every kind."""

    name = forms.CharField(max_length=40, help_text="People read it in lists and mails.")
    amount = forms.DecimalField(label="Amount (USD)", decimal_places=2)
    period = forms.ChoiceField(choices=[("day", "Day"), ("month", "Calendar month")])
    scopes = forms.MultipleChoiceField(
        choices=[("usage:write", "Send usage"), ("metrics:read", "Read metrics")],
        widget=forms.CheckboxSelectMultiple,
    )
    note = forms.CharField(widget=forms.Textarea(attrs={"rows": 3}), required=False)
    mail = forms.BooleanField(label="Send a mail", required=False, help_text="Once per crossing.")


@page(role=Role.ADMIN)
@require_http_methods(["GET", "POST"])
def styleguide(request: PageRequest) -> HttpResponse:
    """Shows every component. A POST shows the form with its errors, as htmx and plain forms both get it (422)."""
    form = SampleForm(request.POST if request.method == "POST" else None)
    context = {"form": form, "tokens": TOKENS, "amounts": AMOUNTS, "moment": timezone.now() - timedelta(seconds=4)}
    return render(request, "styleguide/styleguide.html", context, status=422 if form.errors else 200)
