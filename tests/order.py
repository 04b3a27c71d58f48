"""The order of test files: those that take longest begin first, so that no process ends up waiting for a long one.

It works with `--dist loadfile --no-loadscope-reorder`; by itself pytest-xdist begins with the files of most tests.
"""

import pytest

LONGEST = (
    "launch/test_run.py",
    "access/test_matrix.py",
    "proofs/test_histories.py",
    "proofs/test_rerating_histories.py",
    "proofs/test_short_kills.py",
    "costs/test_retention.py",
    "costs/test_folding.py",
    "proofs/test_schema_fuzz.py",
    "proofs/test_metamorphic.py",
    "costs/test_hours.py",
    "costs/imports/test_real_traces.py",
    "launch/test_postgres.py",
    "costs/test_proving.py",
    "costs/rerating/test_rerating.py",
    "house/test_containers.py",
    "access/test_audit.py",
)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Moves the tests of these files to the front; the others stay in the random order they were given."""
    items.sort(key=lambda item: _rank(item.path.as_posix()))


def _rank(path: str) -> int:
    return next((rank for rank, one in enumerate(LONGEST) if path.endswith(f"tests/{one}")), len(LONGEST))
