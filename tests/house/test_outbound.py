"""P22: only the outbound client speaks to the network. Who else could is named here, with the reason."""

import ast
from collections.abc import Iterator
from pathlib import Path

from tests.house import ROOT

SPEAKS = {
    "aiohttp",
    "asyncio",
    "ftplib",
    "http.client",
    "httpx",
    "imaplib",
    "poplib",
    "requests",
    "smtplib",
    "socket",
    "socketserver",
    "ssl",
    "telnetlib",
    "urllib.request",
    "urllib3",
    "xmlrpc.client",
    "django.core.mail",
}
ALLOWED = {
    "apps/budgets/services/outbound/client.py": "the client for every address that somebody typed",
    "apps/budgets/services/outbound/resolving.py": "its look-up of names",
    "apps/access/services/passwords.py": "mails by the operator's own mail server",
    "apps/budgets/services/outbox/mail.py": "mails by the operator's own mail server",
    "apps/costs/management/agent_client.py": "a command that plays an agent against an address the operator names",
    "controlplane/launch/__main__.py": "looks whether its own port is free",
    "controlplane/launch/probe.py": "asks its own web server whether it is up",
}


def imported(path: Path) -> Iterator[str]:
    """Every module a file imports, also by `from package import module`."""
    for node in ast.walk(ast.parse(path.read_text())):
        match node:
            case ast.Import(names=names):
                yield from (alias.name for alias in names)
            case ast.ImportFrom(module=str(module), names=names):
                yield module
                yield from (f"{module}.{alias.name}" for alias in names)
            case ast.Call(func=ast.Name(id="__import__") | ast.Attribute(attr="import_module"), args=[first, *_]):
                yield first.value if isinstance(first, ast.Constant) and isinstance(first.value, str) else "urllib3"


def speakers() -> dict[str, set[str]]:
    """Files of the product that import what opens connections."""
    found = {}
    for path in [*(ROOT / "apps").rglob("*.py"), *(ROOT / "controlplane").rglob("*.py")]:
        if speaking := {name for name in imported(path) if name in SPEAKS or name.split(".")[0] in SPEAKS}:
            found[path.relative_to(ROOT).as_posix()] = speaking
    return found


def test_only_these_open_connections() -> None:
    assert sorted(speakers()) == sorted(ALLOWED)


def test_a_module_that_opens_them_is_found(tmp_path: Path) -> None:
    source = tmp_path / "sly.py"
    for line in (
        "import http.client",
        "from urllib import request",
        "from socket import socket",
        "import requests as r",
    ):
        source.write_text(f"def later():\n    {line}\n")
        assert any(name in SPEAKS or name.split(".")[0] in SPEAKS for name in imported(source)), line
