"""Files of others are exactly the released ones, with their licence beside them."""

import hashlib
import json
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MANIFEST = json.loads((ROOT / "static/vendor/manifest.json").read_text())


@pytest.mark.parametrize("entry", MANIFEST, ids=lambda entry: entry["file"])
def test_file_is_the_one_of_the_manifest(entry: dict[str, str]) -> None:
    content = (ROOT / entry["file"]).read_bytes()
    assert hashlib.sha256(content).hexdigest() == entry["sha256"]
    assert (ROOT / entry["licence_file"]).stat().st_size > 500
    assert b"sourceMappingURL" not in content


def test_every_vendored_file_is_listed() -> None:
    found = {str(path.relative_to(ROOT)) for path in (ROOT / "static/vendor").rglob("*") if path.is_file()}
    listed = {entry[key] for entry in MANIFEST for key in ("file", "licence_file")}
    assert found - {"static/vendor/manifest.json"} == {name for name in listed if name.startswith("static/")}
