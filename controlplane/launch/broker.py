"""The embedded broker: folders that Celery's filesystem transport passes wake-up calls through."""

import shutil
from pathlib import Path


def prepare_broker(var: Path) -> None:
    """Make the folders, empty: calls that waited while no worker ran are worth nothing, beat sends new ones."""
    folder = var / "broker"
    shutil.rmtree(folder, ignore_errors=True)
    for name in ("queue", "control"):
        (folder / name).mkdir(parents=True, mode=0o700)
