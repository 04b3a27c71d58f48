"""Webhooks, signed as Standard Webhooks says, and messages to Slack or what speaks like it."""

import json
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.conf import settings
from django.utils.crypto import salted_hmac

from apps.budgets.domain.webhooks import signature
from apps.budgets.models import Channel, ChannelKind, Delivery, Purpose
from apps.budgets.selectors.messages import Told, told_in
from apps.budgets.services.alerting.links import alert_url, budget_url
from apps.budgets.services.outbound import OutboundError, post
from apps.budgets.services.outbox.errors import SendError

GONE = 410
LONGEST_LINE = 400
_NOTHING = "\u200b"
_CALLS = re.compile(r"@(?=(here|channel|all|everyone)\b)", re.IGNORECASE)


def send(delivery: Delivery, channel: Channel, *, now: datetime) -> None:
    """Post it. Raises SendError unless the receiver answers 2xx."""
    is_webhook = channel.kind == ChannelKind.WEBHOOK
    body = json.dumps(payload(delivery, now) if is_webhook else slack_payload(delivery), ensure_ascii=False).encode()
    headers = {"Content-Type": "application/json", "User-Agent": f"Bursar/{settings.VERSION}"}
    if is_webhook:
        headers |= signed_headers(channel, f"msg_{delivery.message_id.hex}", body, now=now)
    try:
        answer = post(channel.url, body=body, headers=headers)
    except OutboundError as error:
        raise SendError(str(error)) from error
    if answer.status == GONE:
        raise SendError("The receiver answered 410: it wants nothing any more.", permanent=True)
    if not 200 <= answer.status < 300:
        more = ": redirects are not followed" if 300 <= answer.status < 400 else ""
        raise SendError(f"The receiver answered {answer.status}{more}.", retry_after=answer.retry_after)


def signed_headers(channel: Channel, message_id: str, body: bytes, *, now: datetime) -> dict[str, str]:
    """The three headers of Standard Webhooks, with a signature of each secret that holds now."""
    timestamp = int(now.timestamp())
    secrets = [secret_of(channel.nonce)]
    if channel.former_nonce and channel.former_until and channel.former_until > now:
        secrets.append(secret_of(channel.former_nonce))
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": signature(secrets, message_id=message_id, timestamp=timestamp, body=body),
    }


def secret_of(nonce: str) -> bytes:
    """The secret that belongs to a nonce: the database alone does not give it away."""
    return salted_hmac("bursar.webhooks.secret", nonce, algorithm="sha256").digest()


def payload(delivery: Delivery, now: datetime) -> Mapping[str, Any]:
    """The body of a webhook: what happened, when, and the alert as the API shows it."""
    if delivery.purpose == Purpose.TEST:
        return {"type": "test", "timestamp": _text(now), "data": {"message": "A test from Bursar."}}
    told = told_in(delivery)[0]
    data = alert_data(told) | ({"downgrades": _downgrades(told)} if told.every_lowered else {})
    return {"type": f"alert.{told.event}", "timestamp": _text(told.made_at), "data": data}


def _downgrades(told: Told) -> dict[str, Any]:
    """Which models took the place of which because of the budget, and in which time."""
    return {
        "since": _text(told.lowered_since) if told.lowered_since else None,
        "until": _text(told.lowered_until),
        "calls": told.calls_lowered,
        "models": [
            {
                "from": {"model": one.old, "tier": one.old_tier},
                "to": {"model": one.new, "tier": one.new_tier},
                "calls": one.calls,
                "below_quality": one.below_quality,
            }
            for one in told.lowered
        ],
    }


def alert_data(told: Told) -> dict[str, Any]:
    """An alert for programs."""
    alert = told.alert
    return {
        "id": alert.pk,
        "kind": alert.kind,
        "subject": alert.subject,
        "occurrence": alert.occurrence,
        "severity": alert.severity,
        "state": alert.state,
        "title": alert.title,
        "facts": [{"name": name, "value": value} for name, value in alert.facts],
        "budget_id": alert.budget_id,
        "budget_url": budget_url(told.budget_id) or None,
        "raised_at": _text(alert.raised_at),
        "resolved_at": _text(alert.resolved_at) if alert.resolved_at else None,
        "url": alert_url(alert.pk),
    }


def slack_payload(delivery: Delivery) -> Mapping[str, Any]:
    """A text that Slack, Mattermost, Rocket.Chat and their like show."""
    if delivery.purpose == Purpose.TEST:
        return {"text": "A test from Bursar: alerts will come here."}
    again = ["Bursar was interrupted while it sent this: it may be here already."] if delivery.was_interrupted else []
    return {"text": "\n\n".join([*(_slack_words(told) for told in told_in(delivery)), *again])}


def _slack_words(told: Told) -> str:
    facts = "\n".join(f"{_escaped(name)}: {_escaped(value)}" for name, value in told.alert.facts)
    facts += "".join(f"\n{_escaped(one.words)}" for one in told.lowered)
    severity = "" if told.level == "ok" else f"{told.alert.get_severity_display()}: "
    links = f"<{alert_url(told.alert.pk)}|Open in Bursar>"
    budget = f" · <{budget_url(told.budget_id)}|The budget>" if told.budget_id else ""
    return f"*{severity}{_escaped(told.line)}*\n{facts}\n{links}{budget}"


def _escaped(text: str) -> str:
    """One line of text that is nothing else: no link, no image, nobody called.

    Slack obeys what stands in angle brackets; Mattermost and Rocket.Chat read Markdown and @here as they stand.
    """
    line = " ".join(text.split())
    line = line if len(line) <= LONGEST_LINE else f"{line[: LONGEST_LINE - 1]}…"
    line = _CALLS.sub(f"@{_NOTHING}", line).replace("](", f"]{_NOTHING}(")
    return line.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _text(moment: datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")
