"""The audit log: the database refuses changes, every mutating view writes exactly one entry (P28)."""

import csv
import io
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from django.contrib.auth.tokens import default_token_generator
from django.db import DatabaseError, connection, transaction
from django.test import Client
from django.utils.http import urlsafe_base64_encode
from pytest_django import Settings

from apps.access.domain.identity import Role, Scope
from apps.access.models import AuditEntry, Invitation, Project, User
from apps.access.services import audit
from apps.access.services.people import NewInvitation, Standing, invite
from tests.budgets import acts as budgets
from tests.budgets import alert_acts as alerts
from tests.cast import PASSWORD, HeldKey, make_person
from tests.costs.lists import acts as lists
from tests.costs.rerating import acts as rerating
from tests.merging import acts as merging
from tests.pages import told
from tests.prices import acts as prices
from tests.prices import bills
from tests.reporting import acts as reporting
from tests.routing import acts as routing
from tests.saved import acts as saved
from tests.urls import Endpoint, endpoints

SignIn = Callable[[User], Client]
NEW_PASSWORD = "nine violet tractors sing"


@pytest.mark.parametrize("sql", ["UPDATE access_auditentry SET actor = 'x'", "DELETE FROM access_auditentry"])
def test_the_database_refuses_to_change_it(db: None, sql: str) -> None:
    entry = audit.record(caller="test", action="test.done")
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(sql)
    assert AuditEntry.objects.get() == entry


def test_truncate_is_refused_unless_the_database_is_marked_for_tests(db: None) -> None:
    name = connection.ops.quote_name(connection.settings_dict["NAME"])
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"ALTER DATABASE {name} RESET bursar.test_database")
        cursor.execute("SET LOCAL bursar.test_database = 'on'")  # a session cannot mark itself
        with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
            cursor.execute("TRUNCATE access_auditentry")
        transaction.set_rollback(True)
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("TRUNCATE access_auditentry")


def test_secrets_and_nul_never_get_in(db: None, writer: HeldKey) -> None:
    entry = audit.record(
        caller=f"me {writer.secret}", action="test.done", after={"note": [f"x {writer.secret}\0"], "n": 3, "none": None}
    )
    entry.refresh_from_db()
    assert entry.actor == "me bsr_…"
    assert entry.after == {"note": ["x bsr_…"], "n": 3, "none": None}


@dataclass(frozen=True)
class World:
    """Things that mutating views can act on, and the owner's browser."""

    alice: User
    bob: User
    key: HeldKey
    project: Project
    agent_id: int
    invitation: NewInvitation
    browser: Client


@dataclass(frozen=True)
class Call:
    """One request that changes something."""

    path: str
    body: dict[str, Any]
    expected: int
    browser: Client | None = None


def etag(world: World, path: str) -> dict[str, str]:
    return {"If-Match": world.browser.get(path)["ETag"]}


# One call per mutating view and method, that succeeds. A view that is missing here fails the test below: add it, or
# name it in WITHOUT_AUDIT with the reason.
CALLS: dict[tuple[str, str], Callable[[World], Call]] = {
    ("conversation-undo", "POST"): lambda w: Call("/c/undo", told.outcome_of(w.alice), 303),
    ("access:login", "POST"): lambda w: Call("/login", {"email": w.bob.email, "password": PASSWORD}, 303, Client()),
    ("access:logout", "POST"): lambda w: Call("/logout", {}, 303),
    ("access:change_password", "POST"): lambda w: Call(
        "/password", {"old_password": PASSWORD, "password": NEW_PASSWORD, "again": NEW_PASSWORD}, 303
    ),
    ("access:forgot_password", "POST"): lambda w: Call("/password/forgotten", {"email": w.bob.email}, 303, Client()),
    ("access:reset_password", "POST"): lambda w: Call(
        reset_link(w.bob), {"password": NEW_PASSWORD, "again": NEW_PASSWORD}, 303, Client()
    ),
    ("access:accept_invitation", "POST"): lambda w: Call(
        f"/invitation/{w.invitation.token}", {"password": NEW_PASSWORD, "again": NEW_PASSWORD}, 303, Client()
    ),
    ("access:create_key", "POST"): lambda w: Call(
        "/keys/new", {"name": "n", "scopes": ["usage:write"], "expires": "never", "made": "1"}, 201
    ),
    ("access:rotate_key", "POST"): lambda w: Call(f"/keys/{w.key.key.pk}/rotate", {"grace": "3600", "made": "1"}, 201),
    ("access:revoke_key", "POST"): lambda w: Call(f"/keys/{w.key.key.pk}/revoke", {"typed": w.key.key.name}, 303),
    ("access:invite", "POST"): lambda w: Call(
        "/people/invite", {"email": "new@example.org", "role": "analyst", "made": "1"}, 201
    ),
    ("access:person", "POST"): lambda w: Call(f"/people/{w.bob.pk}", {"role": "analyst", "is_active": "on"}, 303),
    ("access:project", "POST"): lambda w: Call(f"/projects/{w.project.pk}", {"name": "helpdesk"}, 303),
    ("access:agent", "POST"): lambda w: Call(f"/agents/{w.agent_id}", {"name": "robot"}, 303),
    ("project-merge", "POST"): lambda w: Call(f"/projects/{w.project.pk}/merge", merging.seen_project(w.project), 303),
    ("api-project-merge", "POST"): lambda w: Call(
        f"/api/projects/{w.project.pk}/merge", merging.seen_project(w.project), 200
    ),
    ("agent-merge", "POST"): lambda w: Call(f"/agents/{w.agent_id}/merge", merging.seen(w.agent_id), 303),
    ("api-agent-merge", "POST"): lambda w: Call(f"/api/agents/{w.agent_id}/merge", merging.seen(w.agent_id), 200),
    ("access:remove_person", "POST"): lambda w: Call(f"/people/{w.bob.pk}/remove", {"typed": w.bob.email}, 303),
    ("access:revoke_invitation", "POST"): lambda w: Call(f"/invitations/{w.invitation.invitation.pk}/revoke", {}, 303),
    ("first-key", "POST"): lambda w: Call("/first-key", {}, 200),
    ("costs:demo-load", "POST"): lambda w: Call("/demo/load", {}, 303),
    ("costs:demo-remove", "POST"): lambda w: Call("/demo/remove", {}, 303),
    ("access:api_keys", "POST"): lambda w: Call("/api/keys", {"name": "n", "scopes": ["usage:write"]}, 201),
    ("access:api_key_rotate", "POST"): lambda w: Call(f"/api/keys/{w.key.key.pk}/rotate", {}, 201),
    ("access:api_key_revoke", "POST"): lambda w: Call(f"/api/keys/{w.key.key.pk}/revoke", {}, 200),
    ("access:api_people", "POST"): lambda w: Call(
        "/api/people", {"email": "new@example.org", "role": "admin", "projects": ["support"]}, 201
    ),
    ("access:api_person", "PATCH"): lambda w: Call(f"/api/people/{w.bob.pk}", {"is_active": False}, 200),
    ("access:api_person", "DELETE"): lambda w: Call(f"/api/people/{w.bob.pk}", {}, 204),
    ("access:api_invitation", "DELETE"): lambda w: Call(f"/api/invitations/{w.invitation.invitation.pk}", {}, 204),
    ("access:api_projects", "POST"): lambda w: Call("/api/projects", {"name": "new"}, 201),
    ("access:api_project", "PATCH"): lambda w: Call(f"/api/projects/{w.project.pk}", {"name": "renamed"}, 200),
    ("access:api_agents", "POST"): lambda w: Call("/api/agents", {"project": "support", "name": "new"}, 201),
    ("costs:price-set", "POST"): lambda w: Call(f"/prices/{prices.model()}/set", prices.seen(), 303),
    ("costs:price-end", "POST"): lambda w: Call(f"/prices/{prices.own_price()[0]}/end", {}, 303),
    ("costs:price-undo", "POST"): lambda w: Call(f"/prices/changes/{prices.own_price()[1]}/undo", {}, 303),
    ("costs:price-lists-check", "POST"): lambda w: Call("/prices/lists/check", {}, 303),
    ("costs:price-lists-apply", "POST"): lambda w: Call("/prices/lists/apply", {"of": lists.ready()}, 303),
    ("costs:price-list-accept", "POST"): lambda w: Call(f"/prices/lists/changes/{lists.waiting()}/accept", {}, 303),
    ("costs:price-list-reject", "POST"): lambda w: Call(f"/prices/lists/changes/{lists.waiting()}/reject", {}, 303),
    ("costs:price-list-undo", "POST"): lambda w: Call(f"/prices/lists/editions/{lists.applied()}/undo", {}, 303),
    ("costs:price-use", "POST"): lambda w: Call(f"/prices/disagreements/{lists.disagreement()}/use/litellm", {}, 303),
    ("costs:price-new", "POST"): lambda w: Call("/prices/new", prices.seen(provider="acme", name="m"), 303),
    ("costs:adjustment-add", "POST"): lambda w: Call(
        "/prices/adjustments/new", {"provider": prices.model() and "openai", "percent": "-5", **prices.seen()}, 303
    ),
    ("costs:adjustment-end", "POST"): lambda w: Call(f"/prices/adjustments/{prices.adjustment()}/end", {}, 303),
    ("costs:api-prices", "POST"): lambda w: Call("/api/prices", prices.sent(), 201),
    ("costs:api-models", "POST"): lambda w: Call("/api/models", prices.sent(provider="acme", model="m"), 201),
    ("costs:api-price-end", "POST"): lambda w: Call("/api/prices/end", prices.named(prices.own_price()[0]), 201),
    ("costs:api-price-undo", "POST"): lambda w: Call(f"/api/prices/changes/{prices.own_price()[1]}/undo", {}, 201),
    ("costs:api-price-import", "POST"): lambda w: Call(
        "/api/prices/import", {"csv": f"provider,model,input\nopenai,gpt-4.1,{prices.model() and 3}\n"}, 201
    ),
    ("costs:api-price-lists-check", "POST"): lambda w: Call("/api/price-lists/check", {}, 202),
    ("costs:api-price-lists-apply", "POST"): lambda w: Call("/api/price-lists/apply", {"of": lists.ready()}, 200),
    ("costs:api-price-list-accept", "POST"): lambda w: Call(
        f"/api/price-lists/changes/{lists.waiting()}/accept", {}, 200
    ),
    ("costs:api-price-list-reject", "POST"): lambda w: Call(
        f"/api/price-lists/changes/{lists.waiting()}/reject", {}, 200
    ),
    ("costs:api-price-list-undo", "POST"): lambda w: Call(f"/api/price-lists/editions/{lists.applied()}/undo", {}, 200),
    ("costs:api-price-use", "POST"): lambda w: Call(
        f"/api/price-lists/disagreements/{lists.disagreement()}/use", {"source": "litellm"}, 201
    ),
    ("costs:api-adjustments", "POST"): lambda w: Call(
        "/api/adjustments", {"provider": prices.model() and "openai", "percent": "-5"}, 201
    ),
    ("costs:api-adjustment-end", "POST"): lambda w: Call(f"/api/adjustments/{prices.adjustment()}/end", {}, 201),
    ("costs:api-subscriptions", "POST"): lambda w: Call(
        "/api/subscriptions",
        {"provider": prices.model() and "openai", "name": "Team", "fee_usd": "30", "every": "month"},
        201,
    ),
    ("costs:api-subscription-end", "POST"): lambda w: Call(f"/api/subscriptions/{prices.subscription()}/end", {}, 201),
    ("costs:same-model", "POST"): lambda w: Call(
        f"/prices/unpriced/same?{rerating.waiting()}", {"model": "openai/gpt-4.1"}, 303
    ),
    ("costs:forget-name", "POST"): lambda w: Call(
        "/prices/unpriced/forget", {"model": rerating.own_name(), "name": "our-gpt"}, 303
    ),
    ("costs:unpriced-names-api", "POST"): lambda w: Call(
        "/api/unpriced/names", {**rerating.NAME, **rerating.MODEL, "_": rerating.waiting()}, 200
    ),
    ("costs:unpriced-names-api", "DELETE"): lambda w: Call(
        "/api/unpriced/names", {**rerating.NAME, **rerating.MODEL, "_": rerating.own_name()}, 200
    ),
    ("costs:rerate-new", "POST"): lambda w: Call("/prices/rerates/new", {}, 303),
    ("costs:rerates-api", "POST"): lambda w: Call("/api/rerates", {}, 202),
    ("costs:rerate-approve", "POST"): lambda w: Call(f"/prices/rerates/{rerating.previewed_run()}/approve", {}, 303),
    ("costs:rerate-approve-api", "POST"): lambda w: Call(f"/api/rerates/{rerating.previewed_run()}/approve", {}, 200),
    ("costs:rerate-abandon", "POST"): lambda w: Call(f"/prices/rerates/{rerating.previewed_run()}/abandon", {}, 303),
    ("costs:rerate-abandon-api", "POST"): lambda w: Call(f"/api/rerates/{rerating.previewed_run()}/abandon", {}, 200),
    ("costs:rerate-reverse", "POST"): lambda w: Call(f"/prices/rerates/{rerating.applied_run()}/reverse", {}, 303),
    ("costs:rerate-reverse-api", "POST"): lambda w: Call(f"/api/rerates/{rerating.applied_run()}/reverse", {}, 200),
    ("costs:price-import", "POST"): lambda w: Call(
        "/prices/import",
        {"content": f"provider,model,input\nopenai,gpt-4.1,{prices.model() and 3}\n", **prices.seen()},
        303,
    ),
    ("costs:subscription-add", "POST"): lambda w: Call(
        "/prices/subscriptions/new",
        {"provider": prices.model() and "openai", "name": "Team", "fee_usd": "30", "every": "month", **prices.seen()},
        303,
    ),
    ("costs:subscription-end", "POST"): lambda w: Call(f"/prices/subscriptions/{prices.subscription()}/end", {}, 303),
    ("costs:invoice-new", "POST"): lambda w: Call("/prices/invoices/new", bills.BILL, 303),
    ("costs:invoice-change", "POST"): lambda w: Call(f"/prices/invoices/{bills.line()}/change", bills.BILL, 303),
    ("costs:invoice-delete", "POST"): lambda w: Call(f"/prices/invoices/{bills.line()}/delete", {}, 303),
    ("costs:invoice-restore", "POST"): lambda w: Call(f"/prices/invoices/{bills.line(deleted=True)}/restore", {}, 303),
    ("costs:invoice-import", "POST"): lambda w: Call(
        "/prices/invoices/import", {"text": bills.CSV, "step": "save"}, 303
    ),
    ("costs:api-invoices", "POST"): lambda w: Call("/api/invoices", bills.BILL, 201),
    ("costs:api-invoice", "PATCH"): lambda w: Call(f"/api/invoices/{bills.line()}", {"amount_usd": "11"}, 200),
    ("costs:api-invoice", "DELETE"): lambda w: Call(f"/api/invoices/{bills.line()}", {}, 204),
    ("costs:api-invoice-restore", "POST"): lambda w: Call(f"/api/invoices/{bills.line(deleted=True)}/restore", {}, 200),
    ("view-save", "POST"): lambda w: Call("/views/new", {"of": "/explore?group=agent", "name": "Agents"}, 303),
    ("view-change", "POST"): lambda w: Call(f"/views/{saved.view(w.alice)}", {"name": "Other"}, 303),
    ("view-delete", "POST"): lambda w: Call(f"/views/{saved.view(w.alice)}/delete", {}, 303),
    ("view-restore", "POST"): lambda w: Call(f"/views/{saved.view(w.alice, deleted=True)}/restore", {}, 303),
    ("view-start", "POST"): lambda w: Call(f"/views/{saved.view(w.alice)}/start", {"on": "1"}, 303),
    ("api-views", "POST"): lambda w: Call("/api/views", {"name": "Agents", "url": "/explore?group=agent"}, 201),
    ("api-view", "PATCH"): lambda w: Call(f"/api/views/{saved.view(w.alice)}", {"is_shared": True}, 200),
    ("api-view", "DELETE"): lambda w: Call(f"/api/views/{saved.view(w.alice)}", {}, 204),
    ("api-view-restore", "POST"): lambda w: Call(f"/api/views/{saved.view(w.alice, deleted=True)}/restore", {}, 200),
    ("budgets:budget-new", "POST"): lambda w: Call("/budgets/new", budgets.TYPED, 303),
    ("budgets:budget-change", "POST"): lambda w: Call(
        f"/budgets/{budgets.budget()}/change", budgets.TYPED | {"version": 1}, 303
    ),
    ("budgets:budget-raise", "POST"): lambda w: Call(
        f"/budgets/{budgets.budget()}/raise", {"amount": "5", "periods": "1"}, 303
    ),
    ("budgets:budget-pause", "POST"): lambda w: Call(f"/budgets/{budgets.budget()}/pause", {"paused": "1"}, 303),
    ("budgets:budget-delete", "POST"): lambda w: Call(f"/budgets/{budgets.budget()}/delete", {}, 303),
    ("budgets:budget-restore", "POST"): lambda w: Call(f"/budgets/{budgets.budget(deleted=True)}/restore", {}, 303),
    ("budgets:api-budgets", "POST"): lambda w: Call("/api/budgets", budgets.SENT, 201),
    ("budgets:api-budget", "PATCH"): lambda w: Call(f"/api/budgets/{budgets.budget()}", {"limit_usd": "6"}, 200),
    ("budgets:api-budget", "DELETE"): lambda w: Call(f"/api/budgets/{budgets.budget()}", {}, 204),
    ("budgets:api-budget-raise", "POST"): lambda w: Call(
        f"/api/budgets/{budgets.budget()}/raise", {"amount_usd": "6"}, 200
    ),
    ("budgets:api-budget-pause", "POST"): lambda w: Call(f"/api/budgets/{budgets.budget()}/pause", {}, 200),
    ("budgets:api-budget-restore", "POST"): lambda w: Call(
        f"/api/budgets/{budgets.budget(deleted=True)}/restore", {}, 200
    ),
    ("budgets:alert-acknowledge", "POST"): lambda w: Call(f"/alerts/{alerts.firing()}/acknowledge", {}, 303),
    ("budgets:alert-silence", "POST"): lambda w: Call(f"/alerts/{alerts.firing()}/silence", {"hours": "8"}, 303),
    ("budgets:alert-take-back", "POST"): lambda w: Call(f"/alerts/{alerts.acknowledged()}/take-back", {}, 303),
    ("budgets:acknowledge-by-mail", "POST"): lambda w: Call(alerts.link(w.bob.email), {}, 200, Client()),
    ("budgets:agree-by-mail", "POST"): lambda w: Call(alerts.agreement("dan@example.org"), {}, 200, Client()),
    ("budgets:api-alert-acknowledge", "POST"): lambda w: Call(f"/api/alerts/{alerts.firing()}/acknowledge", {}, 200),
    ("budgets:api-alert-silence", "POST"): lambda w: Call(
        f"/api/alerts/{alerts.firing()}/silence", {"until": alerts.TOMORROW}, 200
    ),
    ("budgets:api-alert-take-back", "POST"): lambda w: Call(f"/api/alerts/{alerts.acknowledged()}/take-back", {}, 200),
    ("budgets:alerting", "POST"): lambda w: Call("/alerting", alerts.AUDIENCE, 303),
    ("budgets:try-mail", "POST"): lambda w: Call("/alerting/test-mail", {}, 303),
    ("budgets:add-address", "POST"): lambda w: Call("/alerting/addresses", {"address": "new@example.org"}, 303),
    ("budgets:remove-address", "POST"): lambda w: Call(f"/alerting/addresses/{alerts.address()}/remove", {}, 303),
    ("budgets:new-channel", "POST"): lambda w: Call("/alerting/channels/new", alerts.NEW_CHANNEL, 303),
    ("budgets:channel", "POST"): lambda w: Call(
        f"/alerting/channels/{alerts.channel()}", {"name": "Pager", "url": alerts.URL}, 303
    ),
    ("budgets:rotate-channel", "POST"): lambda w: Call(f"/alerting/channels/{alerts.channel()}/rotate", {}, 303),
    ("budgets:try-channel", "POST"): lambda w: Call(f"/alerting/channels/{alerts.channel()}/test", {}, 303),
    ("budgets:switch-channel", "POST"): lambda w: Call(f"/alerting/channels/{alerts.channel()}/switch", {}, 303),
    ("budgets:delete-channel", "POST"): lambda w: Call(
        f"/alerting/channels/{alerts.channel()}/delete", {"typed": "Ops"}, 303
    ),
    ("budgets:resend", "POST"): lambda w: Call(f"/deliveries/{alerts.given_up()}/resend", {}, 303),
    ("budgets:api-channels", "POST"): lambda w: Call("/api/channels", alerts.NEW_CHANNEL, 201),
    ("budgets:api-channel", "PATCH"): lambda w: Call(f"/api/channels/{alerts.channel()}", {"on": False}, 200),
    ("budgets:api-channel", "DELETE"): lambda w: Call(f"/api/channels/{alerts.channel()}", {}, 204),
    ("budgets:api-channel-rotate", "POST"): lambda w: Call(f"/api/channels/{alerts.channel()}/rotate", {}, 200),
    ("budgets:api-channel-try", "POST"): lambda w: Call(f"/api/channels/{alerts.channel()}/test", {}, 202),
    ("budgets:api-delivery-resend", "POST"): lambda w: Call(f"/api/deliveries/{alerts.given_up()}/resend", {}, 202),
    ("costs:reporting", "POST"): lambda w: Call(
        "/settings/reporting", {"zone": "Europe/Berlin", "week_start": "6", "currency": "USD"}, 303
    ),
    ("costs:rate-add", "POST"): lambda w: Call(
        "/settings/reporting/rates", {"currency": "EUR", "first_day": "2026-11-01", "per_dollar": "0.9"}, 303
    ),
    ("costs:rate-delete", "POST"): lambda w: Call(f"/settings/reporting/rates/{reporting.rate()}/delete", {}, 303),
    ("costs:rate-restore", "POST"): lambda w: Call(
        f"/settings/reporting/rates/{reporting.rate(deleted=True)}/restore", {}, 303
    ),
    ("costs:api-reporting", "PATCH"): lambda w: Call("/api/settings/reporting", {"week_start": "sunday"}, 200),
    ("costs:api-rates", "POST"): lambda w: Call(
        "/api/currency-rates", {"currency": "EUR", "first_day": "2026-11-01", "per_dollar": "0.9"}, 201
    ),
    ("costs:api-rate", "DELETE"): lambda w: Call(f"/api/currency-rates/{reporting.rate()}", {}, 204),
    ("costs:api-rate-restore", "POST"): lambda w: Call(
        f"/api/currency-rates/{reporting.rate(deleted=True)}/restore", {}, 200
    ),
    ("access:api_agent", "PATCH"): lambda w: Call(f"/api/agents/{w.agent_id}", {"name": "renamed"}, 200),
    ("routing:new-draft", "POST"): lambda w: Call("/routing/drafts/new", {"of": str(routing.published().version)}, 303),
    ("routing:draft", "POST"): lambda w: Call(f"/routing/drafts/{routing.draft()}", routing.form(), 303),
    ("routing:publish", "POST"): lambda w: Call(f"/routing/drafts/{routing.draft()}/publish", {}, 303),
    ("routing:discard", "POST"): lambda w: Call(f"/routing/drafts/{routing.draft()}/discard", {}, 303),
    ("routing:bring-back", "POST"): lambda w: Call(f"/routing/drafts/{routing.discarded()}/restore", {}, 303),
    ("routing:roll-back", "POST"): lambda w: Call(
        f"/routing/versions/{routing.earlier_version() and 1}/rollback", {}, 303
    ),
    ("routing:what-if", "POST"): lambda w: Call("/routing/what-if", routing.what_if_form(), 303),
    ("routing:example-keep", "POST"): lambda w: Call("/routing/playground/label", routing.label_form(), 303),
    ("routing:example-remove", "POST"): lambda w: Call(
        f"/routing/examples/{routing.published() and routing.example(w.alice)}/remove", {}, 303
    ),
    ("routing:parameters-draft", "POST"): lambda w: Call("/routing/providers/draft", routing.parameters_form(), 303),
    ("routing:advice-draft", "POST"): lambda w: Call("/routing/what-if/advice", routing.advice_form(), 303),
    ("routing:replay-cancel", "POST"): lambda w: Call(f"/routing/what-if/{routing.replay(w.alice)}/cancel", {}, 303),
    ("routing:replay-name", "POST"): lambda w: Call(
        f"/routing/what-if/{routing.replay(w.alice)}/name", {"name": "Cheaper"}, 303
    ),
    ("routing:replay-draft", "POST"): lambda w: Call(f"/routing/what-if/{routing.replay(w.alice)}/draft", {}, 303),
    ("routing:api-replays", "POST"): lambda w: Call("/api/routing/replays", routing.what_if_body(), 202),
    ("routing:api-run-cancel", "POST"): lambda w: Call(f"/api/runs/{routing.replay(w.alice)}/cancel", {}, 200),
    ("routing:api-run-name", "POST"): lambda w: Call(
        f"/api/runs/{routing.replay(w.alice)}/name", {"name": "Cheaper"}, 200
    ),
    ("routing:api-run-draft", "POST"): lambda w: Call(f"/api/runs/{routing.replay(w.alice)}/draft", {}, 201),
    ("routing:baselines", "POST"): lambda w: Call("/routing/baselines", routing.baseline_form(), 303),
    ("routing:baseline-withdraw", "POST"): lambda w: Call(
        f"/routing/baselines/{routing.baseline(w.alice)}/withdraw", {}, 303
    ),
    ("routing:api-baselines", "POST"): lambda w: Call(
        "/api/baselines", {"policy_version": routing.published().version}, 201
    ),
    ("routing:api-baseline-withdraw", "POST"): lambda w: Call(
        f"/api/baselines/{routing.baseline(w.alice)}/withdraw", {}, 200
    ),
    ("routing:api-policies", "POST"): lambda w: Call("/api/policies", {"document": routing.document()}, 201),
    ("routing:api-policy", "PATCH"): lambda w: Call(
        f"/api/policies/{routing.draft()}", {"document": routing.document(default_tier="simple")}, 200
    ),
    ("routing:api-policy", "DELETE"): lambda w: Call(f"/api/policies/{routing.draft()}", {}, 204),
    ("routing:api-policy-restore", "POST"): lambda w: Call(f"/api/policies/{routing.discarded()}/restore", {}, 200),
    ("routing:api-policy-publish", "POST"): lambda w: Call(f"/api/policies/{routing.draft()}/publish", {}, 200),
    ("routing:api-policy-rollback", "POST"): lambda w: Call(
        f"/api/policies/{routing.earlier_version()}/rollback", {}, 201
    ),
}
WITHOUT_AUDIT = {
    ("budgets:budget-preview", "POST"): "shows what a budget would have done; nothing is stored",
    ("budgets:api-budget-preview", "POST"): "tells what a budget would have done; nothing is stored",
    ("budgets:api-reservations", "POST"): "reservations are themselves the record of what was held",
    ("budgets:api-reservation-extend", "POST"): "reservations are themselves the record of what was held",
    ("budgets:api-reservation-release", "POST"): "reservations are themselves the record of what was held",
    ("theme", "POST"): "a cookie of one's own browser",
    ("styleguide", "POST"): "shows a form with its errors; nothing is stored",
    ("costs:usage-list", "POST"): "usage is itself the record of what happened",
    ("costs:traces", "POST"): "traces are usage, which is itself the record of what happened",
    ("costs:outcomes", "POST"): "outcomes are themselves the record of who judged what",
    ("conversation-judge", "POST"): "outcomes are themselves the record of who judged what",
    ("costs:estimate", "POST"): "tells what a call would cost; nothing is stored",
    ("routing:playground", "POST"): "shows what a decision would be; nothing is kept",
    ("routing:api-compressions", "POST"): "gives messages back shorter; its figures are the record of it",
    ("routing:api-decisions", "POST"): "a decision is itself the record of what was decided",
    ("costs:match-list", "POST"): "tells which prices names get; nothing is stored",
}


def mutating() -> list[tuple[Endpoint, str]]:
    api = [(e, method) for e in endpoints() for method in e.scopes if method not in ("GET", "HEAD")]
    return api + [(e, "POST") for e in endpoints() if not e.scopes]


@pytest.fixture
def world(alice: User, bob: User, make_held_key: Callable[..., HeldKey], support: Project, signed_in: SignIn) -> World:
    return World(
        alice=alice,
        bob=bob,
        key=make_held_key(Scope.USAGE_WRITE),
        project=support,
        agent_id=support.agents.create(name="bot").pk,
        invitation=invite(caller=alice.caller(), email="dan@example.org", standing=Standing(Role.ANALYST)),
        browser=signed_in(alice),
    )


@pytest.mark.parametrize(
    ("endpoint", "method"), mutating(), ids=[f"{endpoint.name}-{method}" for endpoint, method in mutating()]
)
def test_every_mutating_view_writes_exactly_one_entry(
    endpoint: Endpoint, method: str, world: World, settings: Settings
) -> None:
    settings.EMAIL_URL = "consolemail://"
    if (endpoint.name, method) in WITHOUT_AUDIT:
        return
    make = CALLS.get((endpoint.name, method))
    if make is None:
        assert world.browser.post(endpoint.path).status_code == 405, (
            f"{endpoint.name} changes something: add it to CALLS"
        )
        return
    call = make(world)
    browser = call.browser or world.browser
    before = AuditEntry.objects.count()
    if endpoint.scopes:
        headers = etag(world, call.path) if method == "PATCH" else {}
        answer = browser.generic(
            method, call.path, json.dumps(call.body), content_type="application/json", headers=headers
        )
    else:
        answer = browser.post(call.path, call.body)
    assert answer.status_code == call.expected, answer.content
    assert AuditEntry.objects.count() - before == 1
    entry = AuditEntry.objects.latest("id")
    assert entry.request_id == answer["X-Request-Id"]
    assert entry.address == "127.0.0.1"
    assert entry.actor in (world.alice.email, world.bob.email, "dan@example.org")


# What is said once more changes nothing: these write no second entry.
SAID_AGAIN = (
    ("access:project", "POST"), ("access:api_project", "PATCH"), ("access:agent", "POST"),
    ("access:api_agent", "PATCH"), ("access:person", "POST"), ("access:api_person", "PATCH"),
    ("budgets:alerting", "POST"), ("budgets:channel", "POST"), ("budgets:api-channel", "PATCH"),
    ("budgets:budget-pause", "POST"), ("costs:reporting", "POST"),
    ("routing:draft", "POST"), ("routing:api-policy", "PATCH"), ("view-change", "POST"), ("api-view", "PATCH"),
)  # fmt: skip


def test_what_is_said_again_writes_nothing(world: World) -> None:
    wrong = []
    for name, method in SAID_AGAIN:
        call = CALLS[name, method](world)
        written = []
        for _ in range(2):
            before = AuditEntry.objects.count()
            if method == "PATCH":
                body, headers = json.dumps(call.body), etag(world, call.path)
                answer = world.browser.patch(call.path, body, content_type="application/json", headers=headers)
            else:
                answer = world.browser.post(call.path, call.body)
            written.append((answer.status_code == call.expected, AuditEntry.objects.count() - before))
        if written != [(True, 1), (True, 0)]:
            wrong.append((name, method, written))
    assert wrong == []


def test_pages_take_no_other_method_and_the_tables_name_only_what_there_is(world: World) -> None:
    """What PUT, PATCH or DELETE would change on a page is in no table; tests/access/test_matrix.py has the API's."""
    pages = [endpoint for endpoint in endpoints() if not endpoint.scopes]
    taken = [
        (page.name, method)
        for page in pages
        for method in ("PUT", "PATCH", "DELETE")
        if world.browser.generic(method, page.path).status_code != 405
    ]
    assert taken == []
    there = {(endpoint.name, method) for endpoint, method in mutating()}
    assert (CALLS.keys() | WITHOUT_AUDIT.keys()) - there == set()
    assert CALLS.keys() & WITHOUT_AUDIT.keys() == set()


def test_reading_changes_nothing_and_is_not_logged(world: World) -> None:
    """But who takes the log itself away as a file is in it."""
    logged = []
    for endpoint in endpoints():
        before = AuditEntry.objects.count()
        answer: Any = world.browser.get(endpoint.path)
        if answer.streaming:
            b"".join(answer.streaming_content)
        if AuditEntry.objects.count() != before:
            logged.append(endpoint.name)
    assert logged == ["access:audit_csv"]


def test_a_refused_change_writes_nothing_and_changes_nothing(world: World) -> None:
    before = AuditEntry.objects.count()
    assert world.browser.post(f"/keys/{world.key.key.pk}/revoke", {"typed": "wrong"}).status_code == 422
    assert world.browser.post(f"/people/{world.alice.pk}/remove", {"typed": world.alice.email}).status_code == 422
    assert AuditEntry.objects.count() == before
    assert User.objects.filter(pk=world.alice.pk).exists()


def test_a_denial_is_logged_once_a_minute(ann: User, signed_in: SignIn) -> None:
    browser = signed_in(ann)
    for _ in range(3):
        assert browser.get("/keys").status_code == 403
        assert browser.get("/api/keys").status_code == 403
    denied = AuditEntry.objects.filter(action="access.denied").order_by("id")
    assert [entry.after for entry in denied] == [
        {"method": "GET", "path": "/keys"},
        {"method": "GET", "path": "/api/keys"},
    ]


def test_limited_people_read_only_what_concerns_their_projects(
    alice: User, support: Project, sales: Project, signed_in: SignIn
) -> None:
    for project in (support, sales, None):
        audit.record(caller="x", action="test.done", project_id=project.pk if project else None)
    dora = make_person("dora@example.org", Role.ADMIN, sales)
    rows = signed_in(dora).get("/api/audit").json()["results"]
    assert [row["id"] for row in rows] == [AuditEntry.objects.get(project_id=sales.pk).pk]


def test_filters_and_pages(alice: User, signed_in: SignIn) -> None:
    for number in range(120):
        audit.record(caller="ada" if number % 2 else "bea", action="test.odd" if number % 3 else "test.third")
    browser = signed_in(alice)
    first = browser.get("/audit?actor=ada").context
    assert len(first["rows"]) == 50
    second = browser.get(f"/audit{first['older']}").context
    assert [len(second["rows"]), second["older"]] == [10, ""]
    assert first["rows"][-1].pk > second["rows"][0].pk
    assert len(browser.get("/audit?actor=bea&action=test.third").context["rows"]) == 20


@pytest.mark.parametrize(
    "query", ["before=x", "before=99999999999999999999", "start=yesterday", "end=9999-12-31", "action=?"]
)
def test_values_that_make_no_sense_are_left_out(alice: User, signed_in: SignIn, query: str) -> None:
    assert signed_in(alice).get(f"/audit?{query}").status_code == 200


def test_the_csv_holds_every_entry_and_no_formula(alice: User, signed_in: SignIn) -> None:
    for text in ("=1+1", "@x", "-2", "plain, with comma"):
        audit.record(caller=text, action="test.done", after={"note": text})
    answer: Any = signed_in(alice).get("/audit.csv?action=test.done")
    rows = list(csv.DictReader(io.StringIO(b"".join(answer.streaming_content).decode())))
    assert [row["actor"] for row in rows] == ["plain, with comma", "'-2", "'@x", "'=1+1"]
    assert [row["after"] for row in rows][0] == '{"note":"plain, with comma"}'
    assert AuditEntry.objects.filter(action="audit.exported").count() == 1


def test_a_filter_that_is_misspelt_is_told_and_its_file_refused(alice: User, signed_in: SignIn) -> None:
    browser = signed_in(alice)
    assert "does not know \u201cacter\u201d" in browser.get("/audit?acter=ada&action=x").content.decode()
    assert "does not know" not in browser.get("/audit?actor=ada&action=x&start=&end=&before=9").content.decode()
    answer = browser.get("/audit.csv?acter=ada")
    assert (answer.status_code, answer.content.decode()) == (
        422, "This page does not know \u201cacter\u201d; it is left out.\n",
    )  # fmt: skip
    assert not AuditEntry.objects.filter(action="audit.exported").exists()


def test_an_ended_invitation_stays_in_the_log(world: World) -> None:
    Invitation.objects.all().delete()
    assert AuditEntry.objects.filter(action="invitation.created").exists()


def reset_link(person: User) -> str:
    uid = urlsafe_base64_encode(str(person.pk).encode())
    return f"/password/reset/{uid}/{default_token_generator.make_token(person)}"
