"""The services and their commands. `python -m controlplane.launch.procfile NAME` becomes one, in containers."""

import os
import shlex
import sys
from pathlib import Path

from controlplane.launch.places import BASE_DIR, LaunchError

PROCFILE = BASE_DIR / "Procfile"


def read_procfile(path: Path = PROCFILE) -> dict[str, list[str]]:
    """The command of each service, one `name: command` a line."""
    lines = (line.partition(":") for line in path.read_text().splitlines() if line.strip())
    return {name.strip(): shlex.split(command) for name, _, command in lines}


def command_of(name: str) -> list[str]:
    """The command of one service. Raises LaunchError naming those there are."""
    services = read_procfile()
    if name not in services:
        raise LaunchError(f"There is no service {name!r}; there are {', '.join(services)}.")
    return services[name]


if __name__ == "__main__":
    command = command_of(sys.argv[1])
    os.chdir(BASE_DIR)
    os.execvp(command[0], command)
