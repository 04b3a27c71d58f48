"""What looks like a secret in a policy: agents are served it and it stays for ever, so drafts with one are refused."""

import re
from collections.abc import Iterator
from typing import Any

from .policy import Policy

_BY_PREFIX = re.compile(
    r"(?<![A-Za-z0-9])(?:sk[-_]|rk_live_|bsr_|AIza|gh[opsur]_|github_pat_|glpat-|xox[a-z]-|ya29\.|nvapi-"
    r"|eyJ[A-Za-z0-9_-]+\.|A[KS]IA[A-Z0-9]{12}|(?:Bearer|Basic)\s|-----BEGIN)"
)
_BY_MAKER = re.compile(r"(?<![A-Za-z0-9])(?:gsk_|hf_|xai-|pplx-|tgp_v1_|r8_|fw_|csk-|dapi|jina_|sess-)[A-Za-z0-9]{16,}")
_LONG = re.compile(r"[A-Za-z0-9_-]{40,}")
_RUN = re.compile(r"[A-Za-z0-9]{16,}")
_TURN = re.compile(r"(?<=[A-Za-z])(?=[0-9])|(?<=[0-9])(?=[A-Za-z])")
_NAMES = ("apikey", "password", "secret", "secretkey", "privatekey", "accesskey", "authorization", "cookie",
          "accesstoken", "authtoken", "bearertoken", "sessiontoken", "refreshtoken", "credentials")  # fmt: skip


def secret_in(policy: Policy) -> tuple[str, str] | None:
    """The path and the sentence of the first thing that looks like a secret; None when nothing does."""
    for tier in policy.tiers:
        for model in tier.models:
            where = f"tiers.{tier.name}.{model.provider}/{model.name}"
            for key in model.key_pool:
                if is_key(key):
                    message = f"{key[:3]}… looks like a secret. Give the name of the key; the key stays with the agent."
                    return f"{where}.key_pool", message
            for message in _in_parameters(model.parameters):
                return f"{where}.parameters", message
    return None


def is_key(name: str) -> bool:
    """Whether what should be the name of a key is rather the key."""
    return has_key(name) or bool(_LONG.search(name)) or any(_is_drawn(run) for run in _RUN.findall(name))


def has_key(text: str) -> bool:
    """Whether there is a key of a known form in a text."""
    return bool(_BY_PREFIX.search(text) or _BY_MAKER.search(text))


def _is_drawn(run: str) -> bool:
    """Whether letters and digits mix as in a drawn token: in words of people a few digits come last."""
    return sum(letter.isdigit() for letter in run) >= 6 or len(_TURN.findall(run)) >= 2


def _in_parameters(value: Any, name: str = "") -> Iterator[str]:
    """What is wrong with a parameter, however deep it stands; a name alone is enough where a text is meant."""
    if isinstance(value, dict):
        for key, inner in value.items():
            if _is_of_secrets(key) and not isinstance(inner, dict | list | bool | None):
                yield f"{key} is no parameter: secrets stay with the agent."
            yield from _in_parameters(inner, key)
    elif isinstance(value, list):
        for inner in value:
            yield from _in_parameters(inner, name)
    elif isinstance(value, str) and has_key(value):
        yield f"The value of {name} looks like a secret: secrets stay with the agent."


def _is_of_secrets(name: str) -> bool:
    squeezed = re.sub(r"[^a-z0-9]", "", name.lower())
    return squeezed == "token" or squeezed.endswith(_NAMES)
