"""The lock files are what pyproject.toml asks for: nothing missing, nothing left over, every download with its hash."""

import re
import tomllib
from importlib.metadata import distribution

import pytest
from packaging.markers import default_environment
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from tests.house import ROOT

PINNED = re.compile(r"^([a-z0-9][a-z0-9._-]*)==(\S+)", re.MULTILINE)
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
RUNTIME = [Requirement(text) for text in PROJECT["project"]["dependencies"]]
DEVELOPMENT = RUNTIME + [Requirement(text) for text in PROJECT["dependency-groups"]["dev"]]
LOCKS = [("requirements.lock", RUNTIME), ("requirements-dev.lock", DEVELOPMENT)]


def pins(lock: str) -> dict[str, list[Version]]:
    """Packages and their versions; a universal lock may name several, for different platforms."""
    versions: dict[str, list[Version]] = {}
    for name, version in PINNED.findall((ROOT / lock).read_text()):
        versions.setdefault(canonicalize_name(name), []).append(Version(version))
    return versions


def needed_here(wanted: list[Requirement]) -> set[str]:
    """What these requirements need on this platform, found by following the installed packages."""
    needed: set[str] = set()
    waiting = list(wanted)
    followed: set[tuple[str, str]] = set()
    while waiting:
        requirement = waiting.pop()
        name = canonicalize_name(requirement.name)
        needed.add(name)
        for extra in ("", *sorted(requirement.extras)):
            if (name, extra) not in followed:
                followed.add((name, extra))
                waiting += requirements_of(name, extra)
    return needed


def requirements_of(name: str, extra: str) -> list[Requirement]:
    requirements = [Requirement(text) for text in distribution(name).requires or []]
    environment = dict.fromkeys(["extra"], extra) | {k: str(v) for k, v in default_environment().items()}
    return [r for r in requirements if r.marker is None or r.marker.evaluate(environment)]


@pytest.mark.parametrize("lock, wanted", LOCKS)
def test_each_direct_dependency_is_locked_within_its_range(lock: str, wanted: list[Requirement]) -> None:
    locked = pins(lock)

    outside = [
        f"{requirement} is locked at {locked.get(canonicalize_name(requirement.name))}"
        for requirement in wanted
        if not any(version in requirement.specifier for version in locked.get(canonicalize_name(requirement.name), []))
    ]

    assert outside == []


@pytest.mark.parametrize("lock, wanted", LOCKS)
def test_everything_that_is_needed_is_locked(lock: str, wanted: list[Requirement]) -> None:
    assert needed_here(wanted) - set(pins(lock)) == set()


@pytest.mark.parametrize("lock, wanted", LOCKS)
def test_nothing_is_locked_for_every_platform_that_nothing_needs(lock: str, wanted: list[Requirement]) -> None:
    conditional = set(re.findall(r"^([a-z0-9][a-z0-9._-]*)==\S+ ;", (ROOT / lock).read_text(), re.MULTILINE))

    assert set(pins(lock)) - {canonicalize_name(name) for name in conditional} - needed_here(wanted) == set()


def test_both_locks_agree() -> None:
    development = pins("requirements-dev.lock")

    assert {n: v for n, v in pins("requirements.lock").items() if development.get(n) != v} == {}


@pytest.mark.parametrize("lock", [*(lock for lock, _ in LOCKS), "integrations/python/requirements-test.lock"])
def test_every_locked_package_has_hashes(lock: str) -> None:
    entries = re.split(r"\n(?=\S)", (ROOT / lock).read_text().strip())

    assert [entry.splitlines()[0] for entry in entries if "--hash=sha256:" not in entry] == []
