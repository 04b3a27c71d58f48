"""Reads of channels, agreed addresses and deliveries. Callers who are limited to projects see none of them."""

from typing import Any, TypeVar

from django.conf import settings
from django.db.models import Count, OuterRef, Prefetch, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce, Greatest

from apps.access.domain.identity import Caller
from apps.budgets.models import Channel, Delivery, DeliveryItem, DeliveryState, MailAddress

ITEMS_SHOWN = 3
Rows = TypeVar("Rows", bound=QuerySet[Any])


def channels_of(caller: Caller) -> QuerySet[Channel]:
    """Every channel, by name."""
    return _if_unlimited(caller, Channel.objects.order_by("name"))


def addresses_of(caller: Caller) -> QuerySet[MailAddress]:
    """Every address of nobody who signs in."""
    return _if_unlimited(caller, MailAddress.objects.order_by("address"))


def deliveries_of(caller: Caller, *, state: str = "", channel_id: int | None = None) -> QuerySet[Delivery]:
    """Messages, newest first, each with every announcement it tells."""
    items = DeliveryItem.objects.select_related("announcement").order_by("id")
    return _deliveries(caller, Prefetch("items", items), state, channel_id)


def deliveries_shown(caller: Caller, *, state: str = "", channel_id: int | None = None) -> QuerySet[Delivery]:
    """The same with the `first_items` they tell, and as `more` how many there are beside: a digest may be long."""
    items = DeliveryItem.objects.select_related("announcement__alert").order_by("id")[:ITEMS_SHOWN]
    told = DeliveryItem.objects.filter(delivery=OuterRef("pk")).order_by().values("delivery")
    many = Coalesce(Subquery(told.annotate(many=Count("id")).values("many")), 0)
    first = Prefetch("items", items, to_attr="first_items")
    return _deliveries(caller, first, state, channel_id).annotate(more=Greatest(many - ITEMS_SHOWN, 0))


def _deliveries(caller: Caller, items: Any, state: str, channel_id: int | None) -> QuerySet[Delivery]:
    found = Delivery.objects.select_related("channel").prefetch_related(items).order_by("-id")
    if state:
        found = found.filter(state=state)
    if channel_id:
        found = found.filter(channel=channel_id)
    return _if_unlimited(caller, found)


def mail_counts() -> dict[str, int]:
    """How many mails wait, and how many of those after a failure."""
    mails = Delivery.objects.filter(state=DeliveryState.WAITING, channel=None)
    return mails.aggregate(waiting=Count("id"), retrying=Count("id", filter=~Q(error="")))


def mail_server() -> str:
    """The mail server in words, without its password; empty when none is set up."""
    return f"{settings.EMAIL_HOST}:{settings.EMAIL_PORT}" if settings.EMAIL_URL else ""


def _if_unlimited(caller: Caller, rows: Rows) -> Rows:
    return rows if caller.project_ids is None else rows.none()
