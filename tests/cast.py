"""The cast of every test: alice owns, bob administers, ann reads, carol reads one project, charlie is nobody.

Keys differ by scope: `writer` may only report usage, `reader` only read metrics, `admin_key` all, made by alice.
"""

from collections.abc import Callable
from dataclasses import dataclass

import pytest
from django.test import Client

from apps.access.domain.identity import ALL_SCOPES, Role, Scope
from apps.access.models import ApiKey, Project, User
from apps.access.services.keys import create_key

PASSWORD = "correct horse battery staple"


@dataclass(frozen=True)
class HeldKey:
    """A key with its secret, and a client that sends it."""

    key: ApiKey
    secret: str

    @property
    def client(self) -> Client:
        return Client(headers={"Authorization": f"Bearer {self.secret}"}, raise_request_exception=False)


def make_person(email: str, role: Role, *projects: Project) -> User:
    """A person who signs in with PASSWORD."""
    person = User(email=email, role=role, limited=bool(projects))
    person.set_password(PASSWORD)
    person.save()
    person.projects.set(projects)
    return person


@pytest.fixture
def support(db: None) -> Project:
    return Project.objects.create(name="support")


@pytest.fixture
def sales(db: None) -> Project:
    return Project.objects.create(name="sales")


@pytest.fixture
def alice(db: None) -> User:
    return make_person("alice@example.org", Role.OWNER)


@pytest.fixture
def bob(db: None) -> User:
    return make_person("bob@example.org", Role.ADMIN)


@pytest.fixture
def ann(db: None) -> User:
    return make_person("ann@example.org", Role.ANALYST)


@pytest.fixture
def carol(support: Project) -> User:
    return make_person("carol@example.org", Role.ANALYST, support)


@pytest.fixture
def charlie(db: None) -> Client:
    """Nobody: no session, no key."""
    return Client(raise_request_exception=False)


@pytest.fixture
def signed_in() -> Callable[[User], Client]:
    """A browser in which the person is signed in."""

    def sign_in(person: User) -> Client:
        client = Client(raise_request_exception=False)
        client.force_login(person, backend="django.contrib.auth.backends.ModelBackend")
        return client

    return sign_in


@pytest.fixture
def make_held_key(alice: User) -> Callable[..., HeldKey]:
    """Makes keys of alice's: `make_held_key(Scope.USAGE_WRITE, project_id=…)`."""

    def make(*scopes: Scope, maker: User = alice, **binding: int | None) -> HeldKey:
        name = " ".join(scopes) or "key"
        new = create_key(caller=maker.caller(), name=name, scopes=scopes, **binding)  # type: ignore[arg-type]
        return HeldKey(key=new.key, secret=new.secret)

    return make


@pytest.fixture
def writer(make_held_key: Callable[..., HeldKey]) -> HeldKey:
    return make_held_key(Scope.USAGE_WRITE)


@pytest.fixture
def reader(make_held_key: Callable[..., HeldKey]) -> HeldKey:
    return make_held_key(Scope.METRICS_READ)


@pytest.fixture
def admin_key(make_held_key: Callable[..., HeldKey]) -> HeldKey:
    return make_held_key(*ALL_SCOPES)
