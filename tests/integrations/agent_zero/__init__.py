"""The plugin for Agent Zero: without it on a stage, with it in its own loop."""

from pathlib import Path


def drive_path() -> Path:
    """The script that runs inside Agent Zero."""
    return Path(__file__).with_name("drive.py")
