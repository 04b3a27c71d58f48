"""One installation for all short proofs that kill."""

from collections.abc import Iterator

import pytest

from tests.proofs.installation import Installation, installation


@pytest.fixture(scope="package")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """Web and database of their own, running."""
    with installation(tmp_path_factory.mktemp("installation")) as found:
        yield found
