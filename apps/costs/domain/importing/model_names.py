"""Who bills for a model that an export names without a provider."""

PREFIXES = {
    "anthropic": ("claude",),
    "cohere": ("command", "embed-english", "embed-multilingual"),
    "deepseek": ("deepseek",),
    "google": ("gemini", "text-embedding-004", "text-embedding-005"),
    "mistral": ("mistral", "ministral", "magistral", "codestral", "devstral", "pixtral", "open-mistral",
                "open-mixtral"),
    "openai": ("gpt-", "chatgpt", "o1", "o3", "o4", "text-embedding-", "davinci", "babbage", "codex", "whisper",
               "tts-"),
    "x-ai": ("grok",),
}  # fmt: skip
_BY_PREFIX = sorted(
    ((prefix, provider) for provider, prefixes in PREFIXES.items() for prefix in prefixes),
    key=lambda pair: -len(pair[0]),
)


def provider_and_model(provider: str, model: str) -> tuple[str, str]:
    """The two names of a model: `openai/gpt-4o` is split, and shortened where its provider is named besides.

    Raises ValueError when no provider is named or known for the model.
    """
    front, slash, rest = model.partition("/")
    if provider:
        return (provider, rest) if slash and front.lower() == provider.lower() else (provider, model)
    if slash:
        return front, rest
    found = next((maker for prefix, maker in _BY_PREFIX if model.lower().startswith(prefix)), "")
    if not found:
        raise ValueError(f"no provider is named for the model {model[:60]}: give --provider")
    return found, model
