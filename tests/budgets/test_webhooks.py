"""P10: signatures as Standard Webhooks publishes them, retries for three days, tampered bodies refused."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest

from apps.access.models import User
from apps.budgets.domain.webhooks import is_signed, secret_bytes, secret_text, signature
from apps.budgets.models import Alert, Budget, Channel, Delivery
from apps.budgets.services.alerting.raising import resolve_alerts
from apps.budgets.services.outbound import Answer, OutboundError
from apps.budgets.services.outbox import posts
from apps.budgets.services.outbox.posts import secret_of
from apps.budgets.services.outbox.sweeping import sweep
from tests.budgets.alerting import budget_with_page, channel, raised
from tests.budgets.conftest import Clock

# The vector that the libraries of Standard Webhooks are tested with.
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
MESSAGE, TIMESTAMP, BODY = "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}'
PUBLISHED = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


@dataclass
class Receiver:
    """Behind the outbound client: answers as told, keeps what it got, and what it could verify by its secret."""

    answer: int = 200
    retry_after: int | None = None
    error: OutboundError | None = None
    secrets: list[bytes] = field(default_factory=list)
    got: list[tuple[Mapping[str, str], bytes]] = field(default_factory=list)

    def post(self, url: str, *, body: bytes, headers: Mapping[str, str]) -> Answer:
        self.got.append((headers, body))
        if self.error:
            raise self.error
        return Answer(self.answer, self.retry_after, b"")

    def verifies(self, headers: Mapping[str, str], body: bytes, secret: bytes) -> bool:
        return is_signed(
            headers["webhook-signature"],
            secret,
            message_id=headers["webhook-id"],
            timestamp=int(headers["webhook-timestamp"]),
            body=body,
        )

    @property
    def bodies(self) -> list[Any]:
        return [json.loads(body) for _, body in self.got]


@pytest.fixture
def receiver(monkeypatch: pytest.MonkeyPatch) -> Receiver:
    found = Receiver()
    monkeypatch.setattr(posts, "post", found.post)
    return found


def test_the_published_vector_and_everything_that_differs_from_it() -> None:
    secret = secret_bytes(SECRET)
    assert secret_text(secret) == SECRET
    assert signature([secret], message_id=MESSAGE, timestamp=TIMESTAMP, body=BODY) == PUBLISHED
    two = signature([b"other", secret], message_id=MESSAGE, timestamp=TIMESTAMP, body=BODY)
    assert is_signed(two, secret, message_id=MESSAGE, timestamp=TIMESTAMP, body=BODY)
    same: dict[str, Any] = {"message_id": MESSAGE, "timestamp": TIMESTAMP, "body": BODY}
    for place in range(len(BODY)):
        tampered = BODY[:place] + bytes([BODY[place] ^ 1]) + BODY[place + 1 :]
        assert not is_signed(PUBLISHED, secret, **same | {"body": tampered})
    for other in ({"message_id": "msg_x"}, {"timestamp": TIMESTAMP + 1}, {"body": BODY + b" "}):
        assert not is_signed(PUBLISHED, secret, **same | other)
    for header in ("", "v1,", PUBLISHED.replace("v1", "v1a"), PUBLISHED[:-2], "ü"):
        assert not is_signed(header, secret, **same)


def test_an_alert_is_posted_signed_and_so_is_its_end(db: None, receiver: Receiver, clock: Clock) -> None:
    hook, budget = channel(), budget_with_page()
    alert = raised(clock())
    sweep(clock=clock)
    Budget.objects.filter(pk=budget.pk).update(deleted_at=clock())
    resolve_alerts(kind="budget_threshold", subject="budget:1", occurrences_prefix="", now=clock.move(minutes=5))
    sweep(clock=clock)
    assert [body["type"] for body in receiver.bodies] == ["alert.raised", "alert.resolved"]
    data = receiver.bodies[0]["data"]
    assert (data["id"], data["budget_id"], data["state"]) == (alert.pk, 1, "firing")
    assert data["facts"] == [{"name": "Spent", "value": "$401.20"}, {"name": "Limit", "value": "$500.00"}]
    assert data["url"] == f"http://localhost:8000/alerts/{alert.pk}"
    assert data["budget_url"] == f"http://localhost:8000/budgets/{data['budget_id']}"
    assert receiver.bodies[1]["data"]["budget_url"] is None  # it is deleted
    assert receiver.bodies[0]["timestamp"] == "2026-11-25T12:00:00Z"
    for headers, body in receiver.got:
        assert receiver.verifies(headers, body, secret_of(hook.nonce))
        assert not receiver.verifies(headers, body + b" ", secret_of(hook.nonce))
        assert headers["Content-Type"] == "application/json"
    assert len({headers["webhook-id"] for headers, _ in receiver.got}) == 2


def test_after_a_rotation_both_secrets_sign_for_a_while(db: None, receiver: Receiver, clock: Clock) -> None:
    channel(nonce="new", former_nonce="old", former_until=clock() + timedelta(hours=24))
    for expected in (True, False):
        raised(clock(), int(expected))
        sweep(clock=clock)
        headers, body = receiver.got[-1]
        assert receiver.verifies(headers, body, secret_of("new"))
        assert receiver.verifies(headers, body, secret_of("old")) is expected
        clock.move(hours=25)


def test_three_days_of_retries_then_the_channel_is_switched_off(alice: User, receiver: Receiver, clock: Clock) -> None:
    hook, began = channel(), clock()
    receiver.answer = 500
    raised(clock())
    sweep(clock=clock)
    times = [clock()]
    while (waiting := Delivery.objects.filter(state="waiting", channel=hook).first()) is not None:
        assert waiting.error == "The receiver answered 500."
        clock.now = waiting.due_at
        sweep(clock=clock)
        times.append(clock())
    assert 11 <= len(times) == len(receiver.got) <= 12
    assert timedelta(days=2.5) < clock() - began < timedelta(days=3.4)
    assert len({headers["webhook-id"] for headers, _ in receiver.got}) == 1
    assert len({headers["webhook-timestamp"] for headers, _ in receiver.got}) == len(times)
    # Within three days and their jitter it may have come to the last try, or to the end of the channel.
    raised(clock.move(days=1), 2)
    sweep(clock=clock)
    hook.refresh_from_db()
    assert hook.off_since
    alert = Alert.objects.get(kind="channel_off")
    assert alert.title == "Webhook Ops is switched off"
    count = len(receiver.got)
    raised(clock.move(days=1), 3)
    sweep(clock=clock)
    assert len(receiver.got) == count


def test_one_success_forgets_the_failures(db: None, receiver: Receiver, clock: Clock) -> None:
    hook = channel()
    receiver.error = OutboundError("example.org could not be reached: connection refused.")
    raised(clock())
    sweep(clock=clock)
    assert Channel.objects.get().failing_since == clock()
    receiver.error = None
    clock.move(seconds=6)
    sweep(clock=clock)
    hook.refresh_from_db()
    assert hook.failing_since is None
    assert hook.off_since is None
    assert Delivery.objects.get().tries == 2


def test_one_that_wants_nothing_any_more_is_switched_off_at_once(db: None, receiver: Receiver, clock: Clock) -> None:
    channel()
    receiver.answer = 410
    raised(clock())
    sweep(clock=clock)
    hook = Channel.objects.get()
    assert (hook.off_since, hook.off_why) == (clock(), "The receiver answered 410: it wants nothing any more.")
    assert Delivery.objects.get(channel=hook).state == "given_up"


def test_a_receiver_that_asks_for_time_gets_it(db: None, receiver: Receiver, clock: Clock) -> None:
    channel()
    receiver.answer, receiver.retry_after = 429, 600
    raised(clock())
    sweep(clock=clock)
    assert Delivery.objects.get().due_at - clock() == timedelta(seconds=600)


def test_a_channel_that_fails_does_not_keep_the_others(db: None, receiver: Receiver, clock: Clock) -> None:
    channel()
    receiver.answer = 500
    for number in range(5):
        raised(clock(), number)
    sweep(clock=clock)
    assert len(receiver.got) == 1


def test_slack_gets_a_text_with_nothing_to_obey_in_it(db: None, receiver: Receiver, clock: Clock) -> None:
    channel(kind="slack")
    budget_with_page()
    alert = raised(clock(), title="<!channel> is at 80 % & more")
    sweep(clock=clock)
    (headers, _), (body,) = receiver.got[0], receiver.bodies
    assert "webhook-signature" not in headers
    assert body == {
        "text": "*Warning: &lt;!channel&gt; is at 80 % &amp; more*\nSpent: $401.20\nLimit: $500.00\n"
        f"<http://localhost:8000/alerts/{alert.pk}|Open in Bursar> · <http://localhost:8000/budgets/1|The budget>"
    }


def test_names_call_nobody_and_link_nowhere_in_what_reads_markdown(db: None, receiver: Receiver, clock: Clock) -> None:
    """Mattermost and Rocket.Chat take the same messages, and read @here and [text](address) as they stand."""
    channel(kind="slack")
    title = "@here\n@Channel and ada@example.org [pay](https://evil.example) ![x](http://evil.example/x.png)"
    raised(clock(), title=title, facts={"Model": "@all " + "m" * 5_000})
    sweep(clock=clock)
    (body,) = receiver.bodies
    first, model, *_ = body["text"].split("\n")
    assert not re.search(r"@(here|channel|all)\b", body["text"], re.IGNORECASE)
    assert "](" not in body["text"]
    assert first.replace("\u200b", "") == f"*Warning: {title.replace(chr(10), ' ')}*"
    assert "ada@example.org" in first
    assert len(model) <= 410
    assert model.endswith("…")


def test_the_secret_is_not_in_the_database(db: None) -> None:
    hook = channel(nonce="n")
    assert secret_of("n") not in repr(list(Channel.objects.values())).encode()
    assert secret_of("n") != secret_of("m")
    assert len(secret_of(hook.nonce)) == 32
