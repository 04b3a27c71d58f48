"""Numbers that cannot be are refused, whatever the price."""

from decimal import Decimal

import pytest

from apps.costs.domain.pricing import RateCard, Rates, Usage, refuse_impossible

CACHED_AUDIO = "cache_read_input_audio_tokens"


@pytest.mark.parametrize(
    ("usage", "message"),
    [
        (Usage(100, cache_read=200), r"cache_read_input_tokens \(200\) exceeds input_tokens \(100\)"),
        (Usage(100, cache_creation=101), r"cache_creation_input_tokens \(101\) exceeds input_tokens \(100\)"),
        (Usage(100, cache_read=60, cache_creation=50), r"\(110\) together exceed input_tokens \(100\)"),
        (Usage(9, cache_creation=5, cache_creation_1h=6), r"\(6\) exceeds cache_creation_input_tokens \(5\)"),
        (Usage(0, 5, reasoning=6), r"reasoning_output_tokens \(6\) exceeds output_tokens \(5\)"),
        (Usage(-1), r"input_tokens \(-1\) is less than 0"),
        (Usage(web_searches=-1), r"web_searches \(-1\) is less than 0"),
        (Usage(requests=-2), r"requests \(-2\) is less than 0"),
        (Usage(5, other={"input_audio_tokens": 6}), r"input_audio_tokens \(6\) exceeds input_tokens \(5\)"),
        (Usage(5, other={"input_audio_tokens": -6}), r"input_audio_tokens \(-6\) is less than 0"),
        (Usage(9, cache_read=1, other={CACHED_AUDIO: 2}), r"\(2\) exceeds cache_read_input_tokens \(1\)"),
        (
            Usage(9, cache_read=5, other={CACHED_AUDIO: 3, "input_audio_tokens": 2}),
            r"cache_read_input_audio_tokens \(3\) exceeds input_audio_tokens \(2\)",
        ),
        (
            Usage(0, 9, other={"output_audio_tokens": 5, "output_image_tokens": 5}),
            r"output_audio_tokens and output_image_tokens \(10\) together exceed output_tokens \(9\)",
        ),
        (Usage(9, other={"sausage_tokens": 3}), "part of neither input_tokens nor output_tokens"),
        (Usage(9, other={"cache_read_output_tokens": 3}), "cache_read tokens are not output tokens"),
    ],
)
@pytest.mark.parametrize("rates", [{}, {"input_tokens": Decimal(3), "output_tokens": Decimal(15)}], ids=["no", "some"])
def test_it_is_refused_naming_both_values(usage: Usage, message: str, rates: dict[str, Decimal]) -> None:
    card = RateCard(Rates(rates))

    with pytest.raises(ValueError, match=message):
        refuse_impossible(usage)
    with pytest.raises(ValueError, match=message):
        card.explain(usage)
    with pytest.raises(ValueError, match=message):
        card.charge(
            usage.input_tokens,
            usage.output_tokens,
            usage.cache_read,
            usage.cache_creation,
            usage.cache_creation_1h,
            usage.reasoning,
            usage.other,
            usage.web_searches,
            usage.requests,
        )


def test_parts_up_to_their_total_are_possible() -> None:
    other = {"input_audio_tokens": 60, "input_image_tokens": 40, CACHED_AUDIO: 60}

    refuse_impossible(Usage(100, 10, cache_read=60, cache_creation=40, cache_creation_1h=40, reasoning=10, other=other))
