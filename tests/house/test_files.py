"""What no file of the project may contain."""

from tests.house import ROOT, project_files

# Spelled in pieces, so that this file does not find itself.
REGISTRIES = [
    "pypi" + ".org",
    "pythonhosted" + ".org",
    "registry.npmjs" + ".org",
    "deb.debian" + ".org",
    "--index" + "-url",
    "--extra-index" + "-url",
    "--find" + "-links",
]


def test_no_file_names_a_registry() -> None:
    found = [
        f"{path.relative_to(ROOT)}: {host}"
        for path in project_files()
        for host in REGISTRIES
        if host.encode() in path.read_bytes()
    ]

    assert found == []


def test_the_secrets_that_make_run_writes_are_ignored_by_git() -> None:
    assert "/var" in (ROOT / ".gitignore").read_text().splitlines()
