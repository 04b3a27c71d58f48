"""`client = meter(OpenAI(), bursar)`: the OpenAI SDK, sync and async, with every call reported."""

from __future__ import annotations

from typing import TypeVar
from urllib.parse import urlsplit

from .core import Core
from .provider_usage import openai_tokens
from .sdk import Meter, Shape
from .sdk import meter as meter_sdk
from .streams import OpenAIStream

SdkClient = TypeVar("SdkClient")
SHAPE = Shape(
    operations={
        "/chat/completions": "chat",
        "/responses": "chat",
        "/completions": "text_completion",
        "/embeddings": "embeddings",
    },
    tokens=openai_tokens,
    stream=OpenAIStream,
    asks_for_usage="/chat/completions",
)
HOSTS = {
    "api.openai.com": "openai",
    "api.deepseek.com": "deepseek",
    "api.fireworks.ai": "fireworks",
    "api.groq.com": "groq",
    "api.mistral.ai": "mistral",
    "api.perplexity.ai": "perplexity",
    "api.together.xyz": "together",
    "api.x.ai": "x-ai",
    "generativelanguage.googleapis.com": "google",
    "openrouter.ai": "openrouter",
}


def meter(client: SdkClient, bursar: Core, *, provider: str | None = None, include_usage: bool = True) -> SdkClient:
    """Meter an OpenAI, AsyncOpenAI, AzureOpenAI or AsyncAzureOpenAI in place; returns the same client.

    `provider` is who bills; unset, it follows from the address, and an unknown address is named by its host, so that
    its calls show as unpriced. Streams are asked for their usage, and the extra chunk that brings it is taken out
    again; `include_usage=False` is for servers that refuse the question: their streams are then estimated.
    """
    return meter_sdk(client, Meter(bursar, SHAPE, provider or provider_of(client), include_usage))


def provider_of(client: object) -> str:
    """Who bills, by the client's class and address."""
    if "Azure" in type(client).__name__:
        return "azure"
    host = urlsplit(str(getattr(client, "base_url", ""))).hostname or "unknown"
    return HOSTS.get(host, "azure" if host.endswith(".azure.com") else host)
