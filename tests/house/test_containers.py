"""The container files by their structure: no engine builds them here."""

import re
from typing import Any

import pytest
import yaml

from controlplane.launch.procfile import command_of, read_procfile
from tests.house import ROOT
from tests.house.test_settings import variables_in_code

DOCKERFILE = (ROOT / "Dockerfile").read_text().replace("\\\n", " ")
INSTRUCTIONS = [line.split(maxsplit=1) for line in DOCKERFILE.splitlines() if line and not line.startswith("#")]
FINAL_STAGE = INSTRUCTIONS[[i for i, (name, _) in enumerate(INSTRUCTIONS) if name == "FROM"][-1] :]
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "compose.yaml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OURS = ["prepare", "web", "worker", "beat"]
IMAGE_VARIABLES = {"PATH", "PYTHONUNBUFFERED", "PYTHONDONTWRITEBYTECODE"}


def values(instruction: str) -> list[str]:
    return [value for name, value in FINAL_STAGE if name == instruction]


def test_the_image_runs_as_a_user_that_is_not_root() -> None:
    (user,) = values("USER")

    assert int(user) > 1000
    assert [name for name, _ in FINAL_STAGE].index("USER") > [name for name, _ in FINAL_STAGE].index("RUN")


def test_the_image_starts_the_web_server_of_the_procfile() -> None:
    (command,) = values("CMD")

    assert command == '["python", "-m", "controlplane.launch.procfile", "web"]'
    assert command_of("web")[:3] == ["python", "-m", "gunicorn"]


def test_the_image_is_watched_through_healthz() -> None:
    (check,) = values("HEALTHCHECK")

    assert check.endswith('CMD ["python", "-m", "controlplane.launch.probe"]')


def test_the_image_copies_only_what_is_there_and_not_ignored() -> None:
    kept = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    copies = [value.split()[:-1] for name, value in INSTRUCTIONS if name == "COPY" and "--from" not in value]
    sources = {source for copy in copies for source in copy}

    assert sources == kept
    assert [source for source in sources if not (ROOT / source).exists()] == []


def test_the_image_keeps_no_secret_and_knows_only_real_settings() -> None:
    kept = {pair.split("=")[0] for value in values("ENV") + values("ARG") for pair in value.split()}

    assert kept <= set(variables_in_code()) | IMAGE_VARIABLES
    assert not {name for name in kept if re.search("SECRET|PASSWORD|TOKEN|KEY|URL", name)}


def test_both_stages_use_one_supported_python() -> None:
    images = {value.split()[0] for name, value in INSTRUCTIONS if name == "FROM"}

    assert len(images) == 1
    assert re.fullmatch(r"python:3\.1[1-4]-slim-\w+", images.pop())


def test_compose_starts_every_service_of_the_procfile_by_its_name() -> None:
    commands = {name: SERVICES[name]["command"] for name in read_procfile()}

    assert commands == {name: ["python", "-m", "controlplane.launch.procfile", name] for name in read_procfile()}


def test_compose_takes_each_secret_from_outside_and_has_no_default_for_it() -> None:
    text = (ROOT / "compose.yaml").read_text()

    for name in ("SECRET_KEY", "ALLOWED_HOSTS", "POSTGRES_PASSWORD"):
        uses = re.findall(rf"\$\{{{name}([^}}]*)\}}", text)
        assert uses
        assert set(uses) == {f":?set {name}"}


@pytest.mark.parametrize("service", OURS)
def test_compose_sets_only_variables_that_are_read(service: str) -> None:
    assert set(SERVICES[service]["environment"]) - set(variables_in_code()) == set()


def test_compose_prepares_before_it_serves_and_waits_for_health() -> None:
    assert SERVICES["prepare"]["depends_on"] == {"database": {"condition": "service_healthy"}}
    for service in read_procfile():
        assert SERVICES[service]["depends_on"]["prepare"] == {"condition": "service_completed_successfully"}
    assert {name for name in SERVICES if "test" in SERVICES[name].get("healthcheck", {})} == {"database", "broker"}


def test_compose_publishes_the_web_server_alone_and_only_to_this_machine_by_default() -> None:
    assert {name: service["ports"] for name, service in SERVICES.items() if "ports" in service} == {
        "web": ["${BURSAR_PUBLISH:-127.0.0.1:8000}:8000"]
    }
