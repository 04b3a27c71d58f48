"""Contrast of the colour tokens, computed: WCAG 1.4.3 for words, 1.4.11 for edges and series (axe tests none)."""

import re
from pathlib import Path

import pytest

CSS = (Path(__file__).parents[2] / "static/css/app.css").read_text()
TOKENS = {
    name: {"light": light, "dark": dark}
    for name, light, dark in re.findall(r"--([\w-]+): light-dark\((#\w{6}), (#\w{6})\)", CSS)
}
WORDS = [(words, paper) for words in ("ink", "muted", "accent", "danger", "warn", "ok") for paper in ("bg", "card")]
WORDS += [("on-accent", "accent"), ("accent", "accent-soft"), ("ink", "accent-soft")]
WORDS += [(state, f"{state}-soft") for state in ("danger", "warn", "ok")]
EDGES = [(edge, paper) for edge in ("edge", "accent", "danger") for paper in ("bg", "card")]
EDGES += [(f"series-{number}", "card") for number in range(7)]


def luminance(colour: str) -> float:
    channels = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(first: str, second: str, theme: str) -> float:
    low, high = sorted(luminance(TOKENS[name][theme]) for name in (first, second))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("words, paper", WORDS)
def test_words_are_readable(words: str, paper: str, theme: str) -> None:
    assert contrast(words, paper, theme) >= 4.5


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("edge, paper", EDGES)
def test_edges_and_series_can_be_seen(edge: str, paper: str, theme: str) -> None:
    assert contrast(edge, paper, theme) >= 3


def test_component_rules_use_tokens_only() -> None:
    rules = CSS[CSS.index("@layer layout {") : CSS.index("@layer print {")]
    assert re.findall(r"#[0-9a-fA-F]{3,8}\b(?![^{}]*{)", rules) == []
