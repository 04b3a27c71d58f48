"""What `make run` prints once everything answers: the address, and at first how to sign in and send a call."""

import json
import shlex
from collections.abc import Mapping
from typing import Any

from controlplane.launch.console import Console

SAMPLE = {
    "provider": "openai",
    "model": "gpt-4.1-mini",
    "task_type": "first_call",
    "input_tokens": 1200,
    "output_tokens": 300,
}


def curl_command(address: str, key: str) -> str:
    """A command that posts one usage record, ready to paste into any POSIX shell."""
    headers = [f"Authorization: Bearer {key}", "Content-Type: application/json"]
    arguments = ["curl", "-sS", f"{address}/api/usage", *(part for text in headers for part in ("-H", text))]
    return " ".join(map(shlex.quote, [*arguments, "-d", json.dumps(SAMPLE)]))


def print_secrets(console: Console, address: str, first: Mapping[str, Any]) -> None:
    """Print the first password and the first key; they are shown now or never."""
    if owner := first.get("owner"):
        console.line()
        console.line("Sign in (the password is shown this once; change it after signing in):")
        console.line(f"  e-mail    {owner['email']}")
        console.line(f"  password  {owner['password']}")
    if key := first.get("key"):
        console.line()
        console.line("Send a first call (the key is shown this once):")
        console.line(f"  {curl_command(address, key['key'])}")


def print_welcome(console: Console, address: str, first: Mapping[str, Any]) -> None:
    """Print where Bursar is; `first` holds the secrets that exist only now, or nothing at later starts."""
    console.line()
    console.line(f"Bursar runs at {address}")
    if any(first.values()):
        print_secrets(console, address, first)
    else:
        console.line("Passwords and keys were shown at the first start. For new ones:")
        console.line("  .venv/bin/python manage.py changepassword <e-mail>")
        console.line("  the Keys page makes new keys")
    console.line()
    console.line("Stop with Ctrl-C.")
    console.line()
