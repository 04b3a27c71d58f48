"""Labelled examples: the newest, how often which tier was right, and all of them for fitting."""

from collections.abc import Iterator, Sequence

import msgspec
from django.db.models import Count, F, Q

from apps.routing.domain.hashed_features import read_features
from apps.routing.models import LabelledExample


def newest_examples(most: int) -> Sequence[LabelledExample]:
    """The newest examples, without their features."""
    return list(LabelledExample.objects.order_by("-id").defer("features")[:most])


def agreement() -> tuple[int, int]:
    """How many examples there are, and at how many the score's tier was the one that was wanted."""
    told = LabelledExample.objects.aggregate(all=Count("id"), right=Count("id", Q(tier_given=F("tier_wanted"))))
    return told["all"], told["right"]


def example_lines() -> Iterator[bytes]:
    """Every example as a line of JSON, oldest first; features as pairs of bucket and count."""
    for one in LabelledExample.objects.order_by("id").iterator(chunk_size=500):
        told = {
            "id": one.pk,
            "made_at": one.made_at,
            "tier_wanted": one.tier_wanted,
            "tier_given": one.tier_given,
            "score": float(one.score),
            "task_type": one.task_type,
            "role": one.role,
            "policy_version": one.policy_version,
            "factors": one.factors,
            "features_version": one.features_version,
            "features": sorted(read_features(bytes(one.features)).items()),
            "message": one.message,
        }
        yield msgspec.json.encode(told) + b"\n"
