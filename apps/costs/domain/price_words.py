"""The units of a price as a person reads them, in the order of a price page."""

from .pricing.units import (
    CACHE_CREATION,
    CACHE_CREATION_1H,
    CACHE_READ,
    INPUT,
    OUTPUT,
    REASONING,
    REQUESTS,
    WEB_SEARCHES,
)

MAIN_UNITS = {
    INPUT: "Input",
    OUTPUT: "Output",
    CACHE_READ: "Cached input",
    CACHE_CREATION: "Cache write, 5 minutes",
    CACHE_CREATION_1H: "Cache write, 1 hour",
    REASONING: "Reasoning",
}
FEE_UNITS = {WEB_SEARCHES: "Web searches", REQUESTS: "Requests"}
MEDIA_UNITS = {
    "input_image_tokens": "Image input",
    "output_image_tokens": "Image output",
    "input_audio_tokens": "Audio input",
    "output_audio_tokens": "Audio output",
}
UNITS = MAIN_UNITS | MEDIA_UNITS | FEE_UNITS


def unit_words(unit: str) -> str:
    """The name of a unit; one no page has a word for is spelled out."""
    return UNITS.get(unit) or unit.removesuffix("_tokens").replace("_", " ").capitalize()
