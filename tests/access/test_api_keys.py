"""/api/keys: list, make, rotate, revoke; a key never exceeds its maker."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.test import Client

from apps.access.authentication import caller_of_header
from apps.access.domain.errors import NotAllowed
from apps.access.domain.identity import ALL_SCOPES, Role, Scope
from apps.access.models import ApiKey, AuditEntry, Project, User
from apps.access.services.people import Standing, change_person, invite, remove_person
from tests.cast import HeldKey, make_person

SignIn = Callable[[User], Client]
MakeKey = Callable[..., HeldKey]


def post(client: Client, url: str, **body: Any) -> Any:
    return client.post(url, body, content_type="application/json")


def test_it_works(admin_key: HeldKey) -> None:
    answer = post(admin_key.client, "/api/keys", name="bot", scopes=["usage:write"], project="support", agent="bot")
    assert answer.status_code == 201
    made = answer.json()
    key = ApiKey.objects.get(id=made["id"])
    assert made["key"].startswith("bsr_")
    assert (made["project"], made["agent"], made["scopes"]) == ("support", "bot", ["usage:write"])
    assert (key.project, key.created_by) == (Project.objects.get(name="support"), admin_key.key.created_by)
    assert HeldKey(key, made["key"]).client.get("/api/keys").status_code == 403


def test_the_secret_is_shown_once_and_stored_nowhere(admin_key: HeldKey) -> None:
    made = post(admin_key.client, "/api/keys", name="bot", scopes=["usage:write"]).json()
    shown = admin_key.client.get(f"/api/keys/{made['id']}").json()
    assert "key" not in shown
    assert shown["last4"] == made["key"][-4:]
    assert made["key"].encode() not in repr(list(ApiKey.objects.values())).encode()


def test_lists_newest_first_in_pages(admin_key: HeldKey, writer: HeldKey) -> None:
    first = admin_key.client.get("/api/keys?page_size=1").json()
    assert [key["id"] for key in first["results"]] == [writer.key.pk]
    second = admin_key.client.get(first["next"]).json()
    assert [key["id"] for key in second["results"]] == [admin_key.key.pk]
    assert second["next"] is None


def test_a_foreign_cursor_is_400(admin_key: HeldKey) -> None:
    for cursor in ("zzz", "cD14", "cD0tMQ==", "cD05OTk5OTk5OTk5OTk5OTk5OTk5OQ=="):  # p=x, p=-1, p=9999…
        assert admin_key.client.get(f"/api/keys?cursor={cursor}").status_code == 400, cursor


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ({"name": "", "scopes": ["admin"]}, "name"),
        ({"name": "x" * 129, "scopes": ["admin"]}, "name"),
        ({"name": "x"}, "scopes"),
        ({"name": "x", "scopes": []}, "scopes"),
        ({"name": "x", "scopes": ["root"]}, "scopes.0"),
        ({"name": "x", "scopes": ["admin"], "agent": "bot"}, "project"),
        ({"name": "x", "scopes": ["admin"], "expires_at": "2020-01-01T00:00:00Z"}, "expires_at"),
        ({"name": "x", "scopes": ["admin"], "project": "a\u0000b"}, "project"),
    ],
)
def test_impossible_keys_are_refused(admin_key: HeldKey, body: dict[str, Any], path: str) -> None:
    answer = post(admin_key.client, "/api/keys", **body)
    assert answer.status_code == 422
    assert [error["path"] for error in answer.json()["errors"]] == [path]


def test_revoked_holds_at_once(admin_key: HeldKey, reader: HeldKey) -> None:
    assert reader.client.get("/api/schema").status_code == 200
    assert post(admin_key.client, f"/api/keys/{reader.key.pk}/revoke").status_code == 200
    answer = reader.client.get("/api/schema")
    assert (answer.status_code, answer["WWW-Authenticate"]) == (401, "Bearer")
    assert post(admin_key.client, f"/api/keys/{reader.key.pk}/revoke").status_code == 409


def test_rotation_keeps_the_old_key_for_the_grace_time(admin_key: HeldKey, reader: HeldKey) -> None:
    answer = post(admin_key.client, f"/api/keys/{reader.key.pk}/rotate", grace_seconds=3600)
    assert answer.status_code == 201
    new = HeldKey(ApiKey.objects.get(id=answer.json()["id"]), answer.json()["key"])
    assert new.key.scopes == reader.key.scopes
    assert [key.client.get("/api/schema").status_code for key in (reader, new)] == [200, 200]
    reader.key.refresh_from_db()
    assert reader.key.rotated_to == new.key
    assert reader.key.expires_at is not None
    left = reader.key.expires_at - datetime.now(UTC)
    assert timedelta(minutes=59) < left <= timedelta(hours=1)
    assert post(admin_key.client, f"/api/keys/{reader.key.pk}/rotate").status_code == 409


def test_rotation_without_grace_ends_the_old_key(admin_key: HeldKey, reader: HeldKey) -> None:
    post(admin_key.client, f"/api/keys/{reader.key.pk}/rotate", grace_seconds=0)
    assert reader.client.get("/api/schema").status_code == 401


def test_a_successor_lives_as_long_as_its_predecessor_was_made_for(make_held_key: MakeKey, alice: User) -> None:
    from apps.access.services.keys import rotate_key

    with time_machine.travel("2026-03-01T00:00:00Z", tick=False):
        old = make_held_key(Scope.USAGE_WRITE, expires_at=datetime(2026, 3, 31, tzinfo=UTC))
    with time_machine.travel("2026-03-30T00:00:00Z", tick=False):
        new = rotate_key(caller=alice.caller(), key_id=old.key.pk, grace=timedelta(days=7)).key
    old.key.refresh_from_db()
    assert new.expires_at == datetime(2026, 4, 29, tzinfo=UTC)
    assert old.key.expires_at == datetime(2026, 3, 31, tzinfo=UTC)


def test_a_key_makes_no_key_that_may_more(make_held_key: MakeKey, support: Project) -> None:
    bound = make_held_key(Scope.ADMIN, project_id=support.pk)
    wider: list[dict[str, Any]] = [
        {"scopes": ["usage:write"], "project": "support"},
        {"scopes": ["admin"]},
        {"scopes": ["admin"], "project": "sales"},
    ]
    for body in wider:
        assert post(bound.client, "/api/keys", name="x", **body).status_code in (403, 422)
    assert post(bound.client, "/api/keys", name="x", scopes=["admin"], project="support").status_code == 201


def test_a_bound_key_sees_only_its_project(make_held_key: MakeKey, support: Project, sales: Project) -> None:
    bound = make_held_key(Scope.ADMIN, project_id=support.pk)
    other = make_held_key(Scope.ADMIN, project_id=sales.pk)
    free = make_held_key(Scope.USAGE_WRITE)
    assert [key["id"] for key in bound.client.get("/api/keys").json()["results"]] == [bound.key.pk]
    for hidden in (other, free):
        assert bound.client.get(f"/api/keys/{hidden.key.pk}").status_code == 404
        assert post(bound.client, f"/api/keys/{hidden.key.pk}/revoke").status_code == 404
        assert post(bound.client, f"/api/keys/{hidden.key.pk}/rotate").status_code == 404
    assert ApiKey.objects.filter(revoked_at=None).count() == 3


def test_a_bound_key_of_an_owner_has_no_say_over_people(make_held_key: MakeKey, alice: User, support: Project) -> None:
    """Else it could invite an owner of everything."""
    bound = make_held_key(*ALL_SCOPES, project_id=support.pk)
    for address in ("/api/people", f"/api/people/{alice.pk}", "/api/invitations"):
        assert bound.client.get(address).status_code == 403
    assert post(bound.client, "/api/people", email="eve@example.org", role="owner").status_code == 403
    with pytest.raises(NotAllowed):
        invite(
            caller=caller_of_header(f"Bearer {bound.secret}"), email="eve@example.org", standing=Standing(Role.OWNER)
        )
    assert make_held_key(*ALL_SCOPES).client.get("/api/people").status_code == 200


def test_rotating_an_owners_key_gives_an_admin_no_more(bob: User, admin_key: HeldKey, signed_in: SignIn) -> None:
    made = post(signed_in(bob), f"/api/keys/{admin_key.key.pk}/rotate").json()
    new = HeldKey(ApiKey.objects.get(id=made["id"]), made["key"])
    assert new.key.created_by == bob
    assert new.client.get("/api/people").status_code == 403
    assert admin_key.client.get("/api/people").status_code == 200


def test_when_the_maker_goes_admin_keys_die_and_agent_keys_live(alice: User, make_held_key: MakeKey) -> None:
    dave = make_person("dave@example.org", Role.OWNER)
    admin, agent = make_held_key(Scope.ADMIN, maker=dave), make_held_key(Scope.METRICS_READ, maker=dave)
    remove_person(caller=alice.caller(), user_id=dave.pk)
    assert admin.client.get("/api/keys").status_code == 401
    assert agent.client.get("/api/schema").status_code == 200
    watcher = make_held_key(Scope.ADMIN)
    listed = {key["id"]: key["orphaned"] for key in watcher.client.get("/api/keys").json()["results"]}
    gone = "Its maker was removed."
    assert listed == {admin.key.pk: gone, agent.key.pk: gone, watcher.key.pk: ""}


def test_a_demoted_maker_loses_admin_keys(alice: User, bob: User, make_held_key: MakeKey) -> None:
    admin, agent = make_held_key(Scope.ADMIN, maker=bob), make_held_key(Scope.METRICS_READ, maker=bob)
    change_person(caller=alice.caller(), user_id=bob.pk, standing=Standing(Role.ANALYST))
    assert admin.client.get("/api/keys").status_code == 401
    assert agent.client.get("/api/schema").status_code == 200
    entry = AuditEntry.objects.get(action="person.changed")
    assert entry.after is not None
    assert entry.after["revoked_keys"] == [admin.key.pk]


def test_a_suspended_makers_admin_key_is_refused_by_the_query_itself(bob: User, make_held_key: MakeKey) -> None:
    admin = make_held_key(Scope.ADMIN, maker=bob)
    User.objects.filter(pk=bob.pk).update(is_active=False)
    assert admin.client.get("/api/keys").status_code == 401


def test_last_use_is_noted_once_a_minute(reader: HeldKey) -> None:
    reader.client.get("/api/schema")
    reader.key.refresh_from_db()
    first = reader.key.last_used_at
    assert first is not None
    reader.client.get("/api/schema")
    reader.key.refresh_from_db()
    assert reader.key.last_used_at == first
    ApiKey.objects.update(last_used_at=first - timedelta(minutes=2))
    reader.client.get("/api/schema")
    reader.key.refresh_from_db()
    assert reader.key.last_used_at >= first
