"""What one mail tells: all that happened at once to one budget, named in its subject, each fact once."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from django.urls import get_script_prefix, set_script_prefix
from pytest_django import Settings

from apps.access.models import User
from apps.budgets.domain.thresholds import level_words
from apps.budgets.models import Alert, Delivery
from apps.budgets.services.alerting.addressing import address_waiting
from apps.budgets.services.alerting.links import alert_url
from apps.budgets.services.alerting.raising import raise_alerts
from apps.budgets.services.outbox import mail
from apps.budgets.services.outbox.sweeping import sweep
from tests.budgets.acts import make_budget, spend
from tests.budgets.alerting import audience, channel, crossing
from tests.budgets.conftest import Clock
from tests.budgets.smtp import MailServer, parts
from tests.budgets.test_alerting import subjects
from tests.budgets.test_told_rightly import receiver as receiver
from tests.budgets.test_webhooks import Receiver


def test_a_call_that_crosses_two_lines_is_one_mail_and_two_posts(
    alice: User, mails: MailServer, receiver: Receiver
) -> None:
    audience()
    channel()
    make_budget("10", name="Support", thresholds=[{"percent": 80, "action": "notify"},
                {"percent": 100, "action": "block"}, {"usd": "9", "action": "advise"}])  # fmt: skip
    make_budget("100", name="Other", thresholds=[{"percent": 5, "action": "notify"}])
    spend("12")
    sweep()
    assert Alert.objects.count() == 4
    assert sorted(subjects(mails)) == [
        "Other: 5 % of $100.00 is spent",
        "Support: 100 % of $10.00 is spent, and 80 %, and $9.00",
    ]
    assert [mail["To"] for mail in mails.accepted] == ["alice@example.org"] * 2
    (both,) = [one for one in mails.accepted if "Support" in one["Subject"]]
    plain, html = parts(both)
    for words in ("100 % of $10.00 is spent", "80 % of $10.00 is spent", "agents are advised to spend less"):
        assert plain.count(words) == html.partition("</head>")[2].count(words) == 1, words
    for words in ("Spent: $12.00", "Limit: $10.00", "Its budget:"):
        assert plain.count(words) == 1, words
    assert plain.count("/alerts/by-mail/") == 3
    assert len({body["data"]["id"] for body in receiver.bodies}) == 4
    alerts = Alert.objects.filter(title__startswith="Support")
    assert set(str(both["References"]).split()) == {f"<alert-{one.pk}@localhost>" for one in alerts}
    assert Delivery.objects.filter(channel=None).count() == 2


@contextmanager
def below(prefix: str) -> Iterator[None]:
    """As with FORCE_SCRIPT_NAME."""
    before = get_script_prefix()
    set_script_prefix(prefix)
    try:
        yield
    finally:
        set_script_prefix(before)


def test_words_of_levels() -> None:
    for key, expected in (
        ("2026-11-01T00:00:00+00:00:actual:80%:notify", "80 %"),
        ("2026-11-01T00:00:00+00:00#2:actual:12.5%:block", "12.5 %"),
        ("2026-11-01T00:00:00+00:00:forecast:100%:advise", "100 % by forecast"),
        ("2026-11-01T00:00:00+00:00:actual:9:notify", "$9.00"),
        ("2026-11-01 actual 80%", ""),
        ("2026-11-01T00:20Z", ""),
        ("2026-11-26T09:00:00+00:00", ""),
    ):
        assert level_words(key) == expected, key


def test_a_subject_says_what_happened_however_long_the_name_is() -> None:
    short = "[Bursar] Support: 80 % of $10.00 is spent"
    assert mail._one_line(f" {short}\r\nBcc: x@example.org ") == f"{short} Bcc: x@example.org"
    long = mail._one_line(f"[Bursar] Resolved: {'n' * 128} ({'c' * 128}): 100 % of $10.00 is spent, and 80 %")
    assert len(long) <= 200
    assert long.startswith("[Bursar] Resolved: nnn")
    assert long.endswith("ccc): 100 % of $10.00 is spent, and 80 %")


def test_a_flood_is_a_mail_of_bounded_length_that_begins_with_what_is_gravest(
    alice: User, clock: Clock, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.EMAIL_URL = "smtp://127.0.0.1:1"
    monkeypatch.setattr(mail, "MOST_WHOLE", 5)
    monkeypatch.setattr(mail, "MOST_LINES", 10)
    kinds = {19: "critical"}
    raise_alerts(crossings=[crossing(one, severity=kinds.get(one, "warning")) for one in range(20)], now=clock())
    address_waiting(now=clock())
    made = mail.compose(Delivery.objects.get())
    assert made.subject == "[Bursar] 20 alerts: Budget 19 is at 80 %"
    text, html = str(made.body), str(made.alternatives[0][0])
    for part in (text, html):
        titles = [number for number in range(20) if f"Budget {number} is at 80 %" in part]
        assert len(titles) == 15, titles
        assert "And 15 more" in part
        assert "5 others" in part
    assert text.count("Open it:") == html.count("Open in Bursar") == 5


def test_links_begin_with_the_address_people_reach_bursar_by(settings: Settings) -> None:
    for public, script, expected in (
        ("https://bursar.example.org", "/", "https://bursar.example.org/alerts/7"),
        ("https://bursar.example.org/", "/", "https://bursar.example.org/alerts/7"),
        ("https://example.org:8443/tools/bursar/", "/", "https://example.org:8443/tools/bursar/alerts/7"),
        ("https://example.org/bursar", "/bursar/", "https://example.org/bursar/alerts/7"),
    ):
        settings.PUBLIC_URL = public
        with below(script):
            assert alert_url(7) == expected
