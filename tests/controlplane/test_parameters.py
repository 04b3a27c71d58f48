"""Query parameters that an endpoint does not know are told: a filter that is misspelt is no filter."""

import pytest

from tests.cast import HeldKey
from tests.costs.posting import call

pytestmark = pytest.mark.django_db

KNOWN = {
    "/api/usage": "from=2026-11-01T00:00:00Z&to=2026-11-02T00:00:00Z&limit=1&unpriced=1&demo=1&tag:team=x&model=m",
    "/api/conversations": "sort=newest&outcome=unknown&limit=1&user=u&tag:a=b",
    "/api/budgets/status": "agent=a&conversation_id=c&tag:team=x&model=m",
    "/api/routing/effects": "project=p&from=2026-11-01T00:00:00Z",
    "/api/audit": "page_size=5&action=x",
    "/api/prices": "provider=openai&model=m&source=own&page_size=1",
    "/api/models": "provider=openai&q=gpt&page_size=1",
    "/api/price-lists/changes": "state=open&page_size=1",
    "/api/prices/match": "provider=openai&model=m&at=2026-11-01T00:00:00Z",
    "/api/alerts": "page_size=1",
    "/api/deliveries": "page_size=1",
    "/api/keys": "page_size=1",
    "/api/views": "page_size=1",
    "/api/tiers": "",
    "/api/provider-health": "",
}


def test_a_parameter_that_is_not_known_is_warned_of(admin_key: HeldKey) -> None:
    client = admin_key.client
    for path, known in KNOWN.items():
        plain = client.get(f"{path}?{known}").json()
        assert "warnings" not in plain, (path, plain)
        told = client.get(f"{path}?{known}&modell=x&modell=y&agnt=a").json()
        assert [(one["path"], one["code"]) for one in told.pop("warnings")] == [
            ("agnt", "unknown_parameter"),
            ("modell", "unknown_parameter"),
        ], path
        assert told.keys() == plain.keys()
    for _ in range(2):  # the second time by the short way
        told = client.get("/api/routing/config?projct=x").json()
        assert [one["path"] for one in told["warnings"]] == ["projct"]
        assert "warnings" not in client.get("/api/routing/config?project=x&agent=a").json()
        told = client.post("/api/routing/decisions?projct=x", {"message": "hi"}, "application/json").json()
        assert [one["path"] for one in told["warnings"]] == ["projct"]
    for path, body in (("/api/usage?reslts=all", call()), ("/api/prices/estimate?tz=UTC", call())):
        told = client.post(path, body, "application/json").json()
        assert told["warnings"][-1]["code"] == "unknown_parameter"


def test_a_file_cannot_warn_and_is_refused(admin_key: HeldKey) -> None:
    assert admin_key.client.get("/api/exports/focus?model=m&tag:team=x&format=csv").status_code == 200
    refused = admin_key.client.get("/api/exports/focus?modell=m")
    assert refused.status_code == 422
    assert [(one["path"], one["code"]) for one in refused.json()["errors"]] == [("modell", "unknown_parameter")]


def test_a_field_that_is_misspelt_is_warned_of(admin_key: HeldKey) -> None:
    sent = {"name": "x", "scopes": ["usage:write"], "expirs_at": "2030-01-01T00:00:00Z"}
    told = admin_key.client.post("/api/keys", sent, "application/json").json()
    assert [(one["path"], one["code"]) for one in told["warnings"]] == [("expirs_at", "unknown_field")]
    again = admin_key.client.post(f"/api/keys/{told['id']}/rotate", {"grace_seconds": 5}, "application/json").json()
    assert "warnings" not in again
