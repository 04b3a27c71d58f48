"""Saved views: whose they are, what they stand for, and that none tells of a project somebody may not see."""

from collections.abc import Callable
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.test import Client
from pytest_django import Settings

from apps.access.domain.errors import Refused
from apps.access.domain.identity import ALL_SCOPES, Role, Scope
from apps.access.models import AuditEntry, Project, User
from apps.access.services.people import remove_person
from controlplane.models import SavedView
from controlplane.saved.kinds import seen
from controlplane.saved.selectors import start_urls, views_of
from controlplane.saved.services import change_view, choose_start, delete_view, restore_view, save_view
from tests.cast import HeldKey, make_person

SignIn = Callable[[User], Client]
AGENTS = "/explore?group=agent"


def names(person: User) -> set[str]:
    return {view.name for view in views_of(person.caller())}


def test_a_view_is_saved_from_its_page_and_found_in_its_menu(ann: User, signed_in: SignIn) -> None:
    browser = signed_in(ann)
    asked = "/explore?measure=calls&group=agent&period=7d"
    form = browser.get("/views/new", {"of": asked})
    assert "Calls by agent, last 7 days" in form.content.decode()
    sent = {"of": form.context["back"], "name": "  Busy  agents ", "is_start": "on"}
    answer = browser.post("/views/new", sent)
    url = "/explore?period=7d&group=agent&measure=calls"
    assert (answer.status_code, answer["Location"]) == (303, url)
    page = browser.get(url).content.decode()
    assert '<summary><span class="clip">Busy agents</span></summary>' in page
    assert f'<a href="{url.replace("&", "&amp;")}" aria-current="page">Explore</a>' in page
    assert "Busy agents" not in browser.get("/").content.decode()
    assert "Calls by agent, last 7 days" in browser.get("/views").content.decode()


@pytest.mark.parametrize(
    "url, canonical",
    [
        (AGENTS, AGENTS),
        ("/explore?x=1&then=model&group=model&group=agent", "/explore?group=agent&then=model"),
        ("/?model=b&model=a&tz=UTC", "/?model=a&model=b"),
        ("/explore/records?status=error&period=today", "/explore/records?period=today&status=error"),
        ("/c?sort=newest&outcome=failed&x=1&period=7d", "/c?period=7d&outcome=failed&sort=newest"),
        ("/keys", None),
        ("//evil.example/explore", None),
        ("https://evil.example/explore", None),
        ("http://[", None),
        ("/explore?" + "a=1&" * 300, None),
    ],
)
def test_what_an_address_stands_for(db: None, url: str, canonical: str | None) -> None:
    state = seen(url, ZoneInfo("UTC"))
    assert (state.state.url() if state else None) == canonical


def test_the_same_twice_is_once_and_another_of_the_name_is_asked_about(ann: User, signed_in: SignIn) -> None:
    first = save_view(caller=ann.caller(), name="Mine", url=AGENTS)
    assert save_view(caller=ann.caller(), name="mine", url=AGENTS).pk == first.pk
    browser = signed_in(ann)
    sent = {"of": "/explore?group=user", "name": "Mine"}
    refused = browser.post("/views/new", sent)
    assert refused.status_code == 422
    assert b"Replace the view of this name" in refused.content
    assert browser.post("/views/new", sent | {"replace": "on"}).status_code == 303
    assert SavedView.objects.get().url == "/explore?group=user"
    assert [entry.action for entry in AuditEntry.objects.order_by("id")] == ["view.saved", "view.changed"]


def test_private_is_private_and_shared_is_changed_by_its_owner_or_an_admin(ann: User, bob: User) -> None:
    eve = make_person("eve@example.org", Role.ANALYST)
    mine = save_view(caller=ann.caller(), name="Mine", url=AGENTS)
    ours = save_view(caller=ann.caller(), name="Ours", url=AGENTS, is_shared=True)
    assert [names(person) for person in (ann, bob, eve)] == [{"Mine", "Ours"}, {"Ours"}, {"Ours"}]
    with pytest.raises(Refused, match="Only its owner"):
        change_view(caller=eve.caller(), view_id=ours.pk, name="Hers")
    with pytest.raises(SavedView.DoesNotExist):
        delete_view(caller=bob.caller(), view_id=mine.pk)
    change_view(caller=bob.caller(), view_id=ours.pk, name="All of us")
    delete_view(caller=bob.caller(), view_id=ours.pk)
    assert names(ann) == {"Mine"}
    restore_view(caller=ann.caller(), view_id=ours.pk)
    assert names(eve) == {"All of us"}


def test_deleting_is_undone_unless_the_name_was_taken(ann: User, signed_in: SignIn) -> None:
    browser = signed_in(ann)
    view = save_view(caller=ann.caller(), name="Mine", url=AGENTS)
    browser.post(f"/views/{view.pk}/delete")
    assert b"Deleted lately" in browser.get("/views").content
    browser.post(f"/views/{view.pk}/restore")
    assert names(ann) == {"Mine"}
    browser.post(f"/views/{view.pk}/delete")
    save_view(caller=ann.caller(), name="MINE", url="/")
    with pytest.raises(Refused, match="already"):
        restore_view(caller=ann.caller(), view_id=view.pk)


def test_no_shared_view_speaks_of_a_project_one_may_not_see(
    alice: User, ann: User, carol: User, support: Project, sales: Project
) -> None:
    dora = make_person("dora@example.org", Role.ADMIN, sales)
    both = make_person("both@example.org", Role.ANALYST, sales, support)
    for name, url in (
        ("of support", "/explore?project=support"),
        ("of sales", "/explore?project=sales&agent=closer"),
        ("of both", "/?project=sales&project=support"),
        ("of none that is", "/?project=never-heard"),
        ("sales bot by model", "/explore?agent=sales-bot"),
    ):
        save_view(caller=alice.caller(), name=name, url=url, is_shared=True)
    save_view(caller=carol.caller(), name="carol's", url="/explore?agent=helper", is_shared=True)
    assert names(ann) == {"of support", "of sales", "of both", "of none that is", "sales bot by model", "carol's"}
    assert names(carol) == {"of support", "carol's"}
    assert names(dora) == {"of sales"}
    assert names(both) == {"of support", "of sales", "of both", "carol's"}
    renamed = views_of(carol.caller()).get(name="carol's")
    change_view(caller=alice.caller(), view_id=renamed.pk, name="of sales")
    assert names(both) == {"of support", "of sales", "of both"}, "written by somebody who knows more"


def test_a_start_view_goes_when_it_may_not_be_seen_any_more(alice: User, carol: User, support: Project) -> None:
    view = save_view(caller=alice.caller(), name="x", url="/explore?project=support", is_shared=True)
    choose_start(caller=carol.caller(), view_id=view.pk, is_start=True)
    assert start_urls(carol.pk) == {"/explore": "/explore?project=support"}
    carol.projects.clear()
    assert start_urls(carol.pk) == {}
    carol.projects.add(support)
    change_view(caller=alice.caller(), view_id=view.pk, is_shared=False)
    assert start_urls(carol.pk) == {}


def test_signing_in_leads_to_the_view_one_chose(bob: User, signed_in: SignIn) -> None:
    browser = signed_in(bob)
    assert browser.get("/start")["Location"] == "/"
    of_overview, of_explore = (save_view(caller=bob.caller(), name=url, url=url) for url in ("/?period=7d", AGENTS))
    browser.post(f"/views/{of_overview.pk}/start", {"on": "1"})
    assert browser.get("/start")["Location"] == "/?period=7d", "the Overview opens so"
    browser.post(f"/views/{of_explore.pk}/start", {"on": "1", "first": "1"})
    assert browser.get("/start")["Location"] == AGENTS
    page = browser.get("/views").content.decode()
    assert (page.count("opens the page</span>"), page.count("after signing in</span>")) == (1, 1)
    assert start_urls(bob.pk) == {"/": "/?period=7d", "": AGENTS}
    browser.post(f"/views/{of_explore.pk}/start", {"first": "1"})
    assert browser.get("/start")["Location"] == "/?period=7d"
    chosen = AuditEntry.objects.filter(action="view.start_chosen").order_by("id")
    assert list(chosen.values_list("after", flat=True)) == [
        {"view": of_overview.pk, "opens": "/"}, {"view": of_explore.pk, "opens": "after signing in"}, None,
    ]  # fmt: skip


def test_shared_views_outlive_their_owner(alice: User, ann: User, bob: User) -> None:
    save_view(caller=ann.caller(), name="ours", url=AGENTS, is_shared=True)
    save_view(caller=ann.caller(), name="mine", url=AGENTS)
    remove_person(caller=alice.caller(), user_id=ann.pk)
    assert names(bob) == {"ours"}
    ours = views_of(bob.caller()).get()
    assert (ours.owner, ours.created_by) == (None, "ann@example.org")
    delete_view(caller=bob.caller(), view_id=ours.pk)
    assert {view.name for view in SavedView.objects.all()} == {"ours"}, "what nobody owns or sees is cleaned away"


def test_limits(ann: User, settings: Settings) -> None:
    settings.MAX_VIEWS = 1
    save_view(caller=ann.caller(), name="one", url=AGENTS)
    for name, url, words in (("two", AGENTS, "at most 1"), ("", AGENTS, "1 to 80"), ("x", "/keys", "not an address")):
        with pytest.raises(Refused, match=words):
            save_view(caller=ann.caller(), name=name, url=url)
    with pytest.raises(Refused, match="too many filters"):
        save_view(caller=ann.caller(), name="one", url="/?model=" + "x" * 5000)


def test_the_api(admin_key: HeldKey, support: Project, make_held_key: Callable[..., HeldKey], alice: User) -> None:
    client = admin_key.client
    made: Any = client.post("/api/views", {"name": "A", "url": AGENTS}, content_type="application/json")
    assert (made.status_code, made.json()["url"], made.json()["owner"]) == (201, AGENTS, "alice@example.org")
    path = f"/api/views/{made.json()['id']}"
    taken = client.post("/api/views", {"name": "a", "url": "/"}, content_type="application/json")
    assert (taken.status_code, taken.json()["errors"][0]["path"]) == (409, "name")
    assert client.patch(path, {"name": "B"}, content_type="application/json").status_code == 428
    tag = {"If-Match": client.get(path)["ETag"]}
    changed = client.patch(path, {"name": "B", "is_shared": True}, content_type="application/json", headers=tag)
    assert (changed.json()["name"], changed.json()["is_shared"]) == ("B", True)
    assert client.patch(path, {"name": "C"}, content_type="application/json", headers=tag).status_code == 412
    bound = make_held_key(Scope.METRICS_READ, project_id=support.pk).client
    assert bound.get("/api/views").json()["results"] == []
    assert bound.get(path).status_code == 404
    whole = make_held_key(*ALL_SCOPES).client
    assert [row["name"] for row in whole.get("/api/views").json()["results"]] == ["B"]
    assert client.delete(path).status_code == 204
    assert client.get(path).status_code == 404
    assert client.post(f"{path}/restore").json()["name"] == "B"
