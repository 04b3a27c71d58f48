"""`python install.py /path/to/agent-zero`: put the plugin, with Bursar's client in it, into `usr/plugins/bursar`.

It needs nothing but Python. Settings that were made in Agent Zero are kept. Run it again to update.
"""

import shutil
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
PLUGIN = HERE / "bursar"
CLIENT = HERE.parent / "python" / "bursar_client"
KEPT = ("config.json", ".toggle-0", ".toggle-1")
_LEFT_OUT = shutil.ignore_patterns("__pycache__", "*.pyc", ".*_cache")


def install(tree: Path) -> Path:
    """Copy both into the tree; returns the plugin's folder. Raises FileNotFoundError when that is no Agent Zero."""
    if not (tree / "agent.py").is_file() or not (tree / "usr").is_dir():
        raise FileNotFoundError(f"{tree} is no Agent Zero: it has no agent.py and no folder usr")
    target = tree / "usr" / "plugins" / "bursar"
    kept = {name: (target / name).read_bytes() for name in KEPT if (target / name).is_file()}
    building = target.with_name(".bursar-new")
    shutil.rmtree(building, ignore_errors=True)
    shutil.copytree(PLUGIN, building, ignore=_LEFT_OUT)
    shutil.copytree(CLIENT, building / "bursar_client", ignore=_LEFT_OUT)
    for name, content in kept.items():
        (building / name).write_bytes(content)
    if target.exists():
        shutil.rmtree(target)
    building.rename(target)
    return target


def main(arguments: list[str]) -> int:
    """Returns the exit code."""
    if len(arguments) != 1:
        print(__doc__, file=sys.stderr)
        return 2
    try:
        target = install(Path(arguments[0]).resolve())
    except FileNotFoundError as error:
        print(error, file=sys.stderr)
        return 1
    print(f"Installed in {target}. Enter Bursar's address and key in Agent Zero: Plugins, Bursar, Config.")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
