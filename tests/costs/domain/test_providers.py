"""One canonical id for every name of a provider."""

import pytest

from apps.costs.domain.providers import canonical_provider


@pytest.mark.parametrize(
    ("sent", "canonical"),
    [
        ("openai", "openai"),
        ("OpenAI", "openai"),
        ("aws.bedrock", "aws"),
        ("bedrock", "aws"),
        ("AWS", "aws"),
        ("gcp.vertex_ai", "google"),
        ("gcp.gemini", "google"),
        ("gcp.gen_ai", "google"),
        ("Google Vertex", "google"),
        ("azure.ai.openai", "azure"),
        ("azure.ai.inference", "azure"),
        ("x_ai", "x-ai"),
        ("xAI", "x-ai"),
        ("mistral_ai", "mistral"),
        ("mistralai", "mistral"),
        ("together_ai", "together"),
        ("fireworks_ai", "fireworks"),
        ("huggingface/fireworks-ai", "huggingface_fireworks-ai"),
        ("openrouter", "openrouter"),
        (" Groq ", "groq"),
    ],
)
def test_known_names_lead_to_one_id(sent: str, canonical: str) -> None:
    assert canonical_provider(sent) == canonical


@pytest.mark.parametrize("sent", ["ibm.watsonx.ai", "My-Gateway", "openai-proxy", "huggingface", ""])
def test_an_unknown_name_is_kept_in_lower_case(sent: str) -> None:
    assert canonical_provider(sent) == sent.lower()
