"""The page Alerting: who is told and how, addresses, channels with their secrets and tests."""

from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST

from apps.access.domain.errors import Refused
from apps.access.domain.identity import Role
from apps.access.forms import ConfirmForm
from apps.access.pages import PageRequest, page, see_other
from apps.budgets.domain.webhooks import secret_text
from apps.budgets.forms.channels import AddressForm, AudienceForm, ChannelForm, NewChannelForm
from apps.budgets.models import Channel, ChannelKind, MailAddress
from apps.budgets.selectors import channels as reads
from apps.budgets.selectors.receivers import audience
from apps.budgets.services.alerting import addresses, channels
from apps.budgets.services.alerting.audience import set_audience
from apps.budgets.services.outbox.posts import secret_of

METHODS = ["GET", "HEAD", "POST"]


@page(role=Role.ADMIN)
@require_http_methods(METHODS)
def alerting(request: PageRequest) -> HttpResponse:
    """Who is told of alerts and how; posted, it is set."""
    if request.method != "POST":
        return _alerting(request, AudienceForm(initial=AudienceForm.initial_of(audience())), AddressForm())
    form = AudienceForm(request.POST)
    if form.is_valid():
        try:
            set_audience(caller=request.caller, wanted=form.wanted(), now=timezone.now())
        except Refused as refusal:
            form.refuse(refusal)
        else:
            messages.success(request, "Saved. It holds for every alert from now on.")
            return see_other("budgets:alerting")
    return _alerting(request, form, AddressForm())


@page(role=Role.ADMIN)
@require_POST
def add_address(request: PageRequest) -> HttpResponse:
    """Mails an address the question whether its reader wants alerts."""
    form = AddressForm(request.POST)
    if form.is_valid():
        try:
            found = addresses.ask(caller=request.caller, address=form.cleaned_data["address"], now=timezone.now())
        except Refused as refusal:
            form.refuse(refusal)
        else:
            messages.success(request, f"{found.address} is asked by mail. Choose it here once its reader has agreed.")
            return see_other("budgets:alerting")
    return _alerting(request, AudienceForm(initial=AudienceForm.initial_of(audience())), form)


@page(role=Role.ADMIN)
@require_POST
def remove_address(request: PageRequest, address_id: int) -> HttpResponse:
    """Forgets an address."""
    return _done(
        request, lambda **a: addresses.remove(caller=a["caller"], address_id=address_id), "It gets nothing any more."
    )


@page(role=Role.ADMIN)
@require_POST
def try_mail(request: PageRequest) -> HttpResponse:
    """Mails the person a test."""
    words = f"A test is on its way to {request.user.email}. Its delivery tells how it went."
    return _done(request, channels.try_mail, words, to="budgets:deliveries", address=request.user.email)


@page(role=Role.ADMIN)
@require_http_methods(METHODS)
def new_channel(request: PageRequest) -> HttpResponse:
    """Makes a channel."""
    form = NewChannelForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        try:
            made = channels.create(caller=request.caller, now=timezone.now(), **form.cleaned_data)
        except Refused as refusal:
            form.refuse(refusal)
        else:
            messages.success(request, f"{made.name} is there. Choose it under Alerting to let it have every alert.")
            return see_other("budgets:channel", made.pk)
    return render(request, "alerts/new_channel.html", {"form": form}, status=422 if form.errors else 200)


@page(role=Role.ADMIN)
@require_http_methods(METHODS)
def channel_page(request: PageRequest, channel_id: int) -> HttpResponse:
    """One channel: its address, its secret, how it goes; posted, name and address are changed."""
    channel = _channel(request, channel_id)
    if request.method != "POST":
        return _shown(request, channel, ChannelForm(initial={"name": channel.name, "url": channel.url}))
    form = ChannelForm(request.POST)
    if form.is_valid():
        try:
            channels.change(caller=request.caller, channel_id=channel_id, now=timezone.now(), **form.cleaned_data)
        except Refused as refusal:
            form.refuse(refusal)
        else:
            messages.success(request, "Saved.")
            return see_other("budgets:channel", channel_id)
    return _shown(request, channel, form)


@page(role=Role.ADMIN)
@require_POST
def rotate_channel(request: PageRequest, channel_id: int) -> HttpResponse:
    """Gives a webhook a new secret."""
    _channel(request, channel_id)
    words = "The new secret is shown below. The former one signs too for a while."
    return _on_channel(request, channel_id, channels.rotate, words)


@page(role=Role.ADMIN)
@require_POST
def try_channel(request: PageRequest, channel_id: int) -> HttpResponse:
    """Posts a test."""
    _channel(request, channel_id)
    return _on_channel(request, channel_id, channels.try_channel, "A test is on its way: see below how it went.")


@page(role=Role.ADMIN)
@require_POST
def switch_channel(request: PageRequest, channel_id: int) -> HttpResponse:
    """Switches a channel off, or on again."""
    on = _channel(request, channel_id).off_since is not None
    return _on_channel(request, channel_id, channels.change, "It is on." if on else "It is off.", on=on)


@page(role=Role.ADMIN)
@require_http_methods(METHODS)
def delete_channel(request: PageRequest, channel_id: int) -> HttpResponse:
    """Says what goes with it, and deletes it once its name is typed."""
    channel = _channel(request, channel_id)
    form = ConfirmForm(channel.name, request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        channels.delete(caller=request.caller, channel_id=channel_id, now=timezone.now())
        messages.success(request, f"{channel.name} is deleted.")
        return see_other("budgets:alerting")
    context = {"form": form, "channel": channel, "deliveries": channel.deliveries.count()}
    return render(request, "alerts/delete_channel.html", context, status=422 if form.errors else 200)


def _alerting(request: PageRequest, form: AudienceForm, address_form: AddressForm) -> HttpResponse:
    context = {
        "form": form,
        "address_form": address_form,
        "addresses": reads.addresses_of(request.caller),
        "channels": [(one, channels.shown_url(one)) for one in reads.channels_of(request.caller)],
        "mail_server": reads.mail_server(),
        "counts": reads.mail_counts(),
        "is_limited": request.caller.project_ids is not None,
    }
    status = 422 if form.errors or address_form.errors else 200
    return render(request, "alerts/alerting.html", context, status=status)


def _shown(request: PageRequest, channel: Channel, form: ChannelForm) -> HttpResponse:
    is_webhook = channel.kind == ChannelKind.WEBHOOK
    context = {
        "channel": channel,
        "form": form,
        "address": channels.shown_url(channel),
        "secret": secret_text(secret_of(channel.nonce)) if is_webhook else "",
        "former_until": channel.former_until
        if channel.former_until and channel.former_until > timezone.now()
        else None,
        "deliveries": reads.deliveries_shown(request.caller, channel_id=channel.pk)[:10],
    }
    return render(request, "alerts/channel.html", context, status=422 if form.errors else 200)


def _channel(request: PageRequest, channel_id: int) -> Channel:
    return get_object_or_404(reads.channels_of(request.caller), id=channel_id)


def _on_channel(
    request: PageRequest, channel_id: int, act: Callable[..., Any], words: str, **more: Any
) -> HttpResponse:
    return _done(request, act, words, to="budgets:channel", place=[channel_id], channel_id=channel_id, **more)


def _done(
    request: PageRequest,
    act: Callable[..., Any],
    words: str,
    *,
    to: str = "budgets:alerting",
    place: list[int] | None = None,
    **arguments: Any,
) -> HttpResponse:
    try:
        act(caller=request.caller, now=timezone.now(), **arguments)
        messages.success(request, words)
    except (Channel.DoesNotExist, MailAddress.DoesNotExist) as error:
        raise Http404 from error
    except Refused as refusal:
        messages.warning(request, f"{refusal.message} Nothing was changed.")
    return see_other(to, *(place or []))
