"""Checks of the house itself: settings, locks, containers, migrations. `make check` runs these too."""

import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent


def project_files() -> list[Path]:
    """Every file that belongs to the project: those git tracks or would track."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, check=True, timeout=30).stdout.decode()
    return [path for name in listed.split("\0") if name and (path := ROOT / name).is_file()]
