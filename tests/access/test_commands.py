"""The first owner and the first key, by command."""

import json
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from apps.access.models import ApiKey, AuditEntry, Project, User
from tests.cast import HeldKey


def run(*arguments: str) -> str:
    out = StringIO()
    call_command(*arguments, stdout=out)
    return out.getvalue()


def test_the_first_owner(db: None) -> None:
    told = json.loads(run("create_owner", "--email", "O@example.org", "--if-none", "--json"))
    person = User.objects.get()
    assert (told["created"], told["email"], person.role) == (True, "o@example.org", "owner")
    assert person.check_password(told["password"])
    assert person.must_change_password
    assert json.loads(run("create_owner", "--email", "p@example.org", "--if-none", "--json")) == {"created": False}
    assert [entry.actor for entry in AuditEntry.objects.all()] == ["command create_owner"]


def test_the_owner_in_words(db: None) -> None:
    assert "Sign in at /login" in run("create_owner", "--email", "o@example.org")


@pytest.mark.parametrize("email", ["alice@example.org", "nonsense"])
def test_owners_that_cannot_be(alice: User, email: str) -> None:
    with pytest.raises(CommandError):
        run("create_owner", "--email", email)


def test_the_first_key(db: None) -> None:
    told = json.loads(run("create_first_key", "--if-none", "--json"))
    key = ApiKey.objects.get()
    assert (key.project, key.created_by) == (Project.objects.get(name="default"), None)
    assert key.scopes == ["metrics:read", "routing:use", "usage:write"]
    assert HeldKey(key, told["key"]).client.get("/api/schema").status_code == 200
    assert json.loads(run("create_first_key", "--if-none", "--json")) == {"created": False}


def test_a_forgotten_password(alice: User, monkeypatch: pytest.MonkeyPatch) -> None:
    typed = iter(["one", "another", "short", "short", "Corr3ct-horse-9", "Corr3ct-horse-9"])
    monkeypatch.setattr("apps.access.management.commands.changepassword.getpass", lambda _: next(typed))
    assert "is changed" in run("changepassword", "Alice@example.org")
    alice.refresh_from_db()
    assert alice.check_password("Corr3ct-horse-9")
    told = [(entry.actor, entry.action, entry.object_id) for entry in AuditEntry.objects.all()]
    assert told == [("command changepassword", "password.changed", str(alice.pk))]
    with pytest.raises(CommandError, match="Nobody"):
        run("changepassword", "nobody@example.org")
