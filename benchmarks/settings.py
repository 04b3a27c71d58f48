"""The product's settings, with an echo view beside its addresses as the anchor for single requests."""

from tests.settings import *  # noqa: F403

ROOT_URLCONF = "benchmarks.urls"
