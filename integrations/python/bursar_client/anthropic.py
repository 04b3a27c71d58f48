"""`client = meter(Anthropic(), bursar)`: the Anthropic SDK, sync and async, with every call reported."""

from __future__ import annotations

from typing import TypeVar

from .core import Core
from .provider_usage import anthropic_tokens
from .sdk import Meter, Shape
from .sdk import meter as meter_sdk
from .streams import AnthropicStream

SdkClient = TypeVar("SdkClient")
SHAPE = Shape(
    operations={"/v1/messages": "chat", "/v1/messages?beta=true": "chat"},
    tokens=anthropic_tokens,
    stream=AnthropicStream,
)


def meter(client: SdkClient, bursar: Core, *, provider: str | None = None) -> SdkClient:
    """Meter an Anthropic or AsyncAnthropic, also on Bedrock or Vertex, in place; returns the same client.

    `provider` is who bills; unset, it follows from the client's class.
    """
    name = type(client).__name__
    usual = "aws.bedrock" if "Bedrock" in name else "gcp.vertex_ai" if "Vertex" in name else "anthropic"
    return meter_sdk(client, Meter(bursar, SHAPE, provider or usual, False))
