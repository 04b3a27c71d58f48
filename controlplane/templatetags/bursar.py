"""How templates write numbers, times and the attributes of links that swap a part of the page."""

from datetime import datetime
from decimal import Decimal
from typing import Any

from django import template
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from apps.costs.domain import formats
from apps.costs.domain.pricing.plain import rate_text
from apps.costs.selectors.currencies import Converted
from controlplane.saved.pages import menu

register = template.Library()

register.filter("money", formats.money)
register.filter("money_card", formats.money_card)
register.filter("money_exact", formats.money_exact)
register.filter("count", formats.count)
register.filter("count_card", formats.count_card)
register.filter("tokens", formats.tokens)
register.filter("duration", formats.duration)
register.filter("plain", rate_text)


@register.filter
def percent_of(part: Decimal | int, whole: Decimal | int) -> str:
    """`{{ ok|percent_of:all }}`: "97.2%"."""
    return formats.percent(part, whole)


@register.filter
def share(part: Decimal) -> str:
    """`{{ quality|share }}`: a part of one as "82.5%"."""
    return formats.percent(part, 1)


@register.filter
def points(part: Decimal) -> str:
    """`{{ difference|points }}`: a difference of shares in percentage points, with its sign: "+1.2", "−0.4"."""
    value = (part * 100).quantize(Decimal("0.1"))
    return f"{'+' if value > 0 else formats.MINUS if value < 0 else ''}{abs(value)}"


@register.filter
def hundred(part: Decimal) -> str:
    """`{{ quality|hundred }}`: a part of one as a plain number from 0 to 100, as forms take it."""
    return rate_text(part * 100)


@register.filter
def instant(moment: datetime) -> str:
    """A moment in full, in UTC: "2026-11-22 19:56:04 UTC"."""
    return f"{moment:%Y-%m-%d %H:%M:%S} UTC"


@register.simple_tag
def beside(converted: Converted | None) -> SafeString | str:
    """A total in the currency shown beside US dollars: "≈ 7.40 EUR", its rates in the title; "" if there is none."""
    if converted is None:
        return ""
    if converted.amount is None:
        return format_html('<span class="muted">{}</span>', converted.words)
    words = formats.in_currency(converted.amount, converted.currency)
    return format_html('<span class="nowrap" title="{}">≈ {}</span>', converted.words, words)


@register.simple_tag
def ago(moment: datetime | None, otherwise: str = "never") -> SafeString | str:
    """A moment as "4 s ago", the exact instant in `datetime` and title; app.js keeps the words true."""
    if moment is None:
        return otherwise
    words = formats.ago(moment, timezone.now())
    return format_html(
        '<time datetime="{}" title="{}" data-ago>{}</time>',
        moment.isoformat(timespec="seconds"),
        instant(moment),
        words,
    )


@register.simple_tag
def swap(url: str, target: str = "#view") -> SafeString:
    """The attributes of a link to a state of the page: it works as a link, and htmx swaps only the target."""
    return format_html(
        'href="{0}" hx-get="{0}" hx-target="{1}" hx-swap="outerHTML" hx-push-url="true" hx-sync="{1}:replace"',
        url,
        target,
    )


@register.inclusion_tag("saved/_menu.html", takes_context=True)
def saved_views(context: Any, url: str) -> dict[str, Any]:
    """The menu of saved views of the page this address is on; nothing where states cannot be saved."""
    return {"saved": menu(context["request"].caller, url)}


@register.inclusion_tag("components/_errors.html")
def form_errors(form: Any) -> dict[str, Any]:
    """The error summary on top of a form; app.js gives it the focus."""
    return {"form": form}


@register.inclusion_tag("components/_field.html")
def field(bound: Any, hint: str = "") -> dict[str, Any]:
    """One field of a form: label, hint, control, errors, tied together for screen readers."""
    bound.field.widget.attrs.update(_field_attributes(bound, bool(hint or bound.help_text)))
    return {"field": bound, "hint": hint or bound.help_text, "kind": bound.field.widget.__class__.__name__}


def _field_attributes(bound: Any, has_hint: bool) -> dict[str, str]:
    described = [f"{bound.auto_id}-hint"] * has_hint + [f"{bound.auto_id}-error"] * bool(bound.errors)
    attributes = {"aria-describedby": " ".join(described)} if described else {}
    return attributes | ({"aria-invalid": "true"} if bound.errors else {})
