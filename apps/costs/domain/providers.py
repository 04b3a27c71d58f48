"""One table of provider names: whatever an agent, a proxy or OpenTelemetry calls them, one canonical id each.

Canonical ids are those of the price list. Names are compared without case, blanks, dots, dashes, slashes or
underscores, so that `x_ai`, `x-ai` and `xAI` need one entry. A provider that is not here keeps the name it was sent
with, in lower case.
"""

import re
from functools import lru_cache

_SEPARATORS = re.compile(r"[\s._:/-]+")

# Canonical id: the other names, OpenTelemetry's `gen_ai.provider.name` first where it differs.
_OTHER_NAMES: dict[str, tuple[str, ...]] = {
    "anthropic": ("claude", "anthropic_text"),
    "aws": ("aws.bedrock", "bedrock", "bedrock_converse", "bedrock_mantle", "amazon", "amazon_bedrock"),
    "azure": ("azure.ai.openai", "azure.ai.inference", "az.ai.openai", "az.ai.inference", "azure_ai", "azure_openai",
              "azure_text", "azure_ai_foundry"),
    "cerebras": (),
    "cloudflare": ("cloudflare_workers_ai", "workers_ai"),
    "cohere": ("cohere_chat",),
    "cursor": (),
    "databricks": (),
    "deepseek": (),
    "elevenlabs": (),
    "fireworks": ("fireworks_ai",),
    "github-copilot": ("copilot",),
    "google": ("gcp.vertex_ai", "gcp.gemini", "gcp.gen_ai", "vertex", "vertex_ai", "vertex_ai_beta", "vertexai",
               "gemini", "google_ai", "google_ai_studio", "google_genai", "google_gla", "google_vertex",
               "google_vertex_ai", "google_cloud", "gcp"),
    "groq": (),
    "litellm": ("litellm_proxy",),
    "meta": ("meta_llama", "llama_api"),
    "minimax": ("minimax_ai",),
    "mistral": ("mistral_ai", "codestral"),
    "moonshotai": ("moonshot", "moonshot_ai", "kimi"),
    "novita": ("novita_ai",),
    "openai": ("openai_chat", "openai_responses", "text_completion_openai", "open_ai"),
    "openrouter": ("openrouter_ai",),
    "ovhcloud": ("ovh", "ovhcloud_ai_endpoints"),
    "perplexity": ("perplexity_ai", "pplx"),
    "together": ("together_ai",),
    "voyageai": ("voyage",),
    "x-ai": ("x_ai", "grok"),
    "zai": ("z_ai",),
    "zhipuai": ("zhipu", "bigmodel"),
}  # fmt: skip


def _squeezed(name: str) -> str:
    return _SEPARATORS.sub("", name.strip().lower())


_CANONICAL = {
    _squeezed(name): provider for provider, others in _OTHER_NAMES.items() for name in (provider, *others)
} | {
    # Hugging Face routes to others, each with prices of its own.
    _squeezed(f"huggingface_{host}"): f"huggingface_{host}"
    for host in ("cerebras", "fireworks-ai", "groq", "hyperbolic", "nebius", "novita", "nscale", "ovhcloud", "publicai",
                 "sambanova", "together")
}  # fmt: skip


@lru_cache(maxsize=4096)
def canonical_provider(name: str) -> str:
    """The canonical id of a provider; an unknown one is kept as sent, in lower case."""
    return _CANONICAL.get(_squeezed(name)) or name.strip().lower()
