"""`python install.py LOCK [ENVIRONMENT]`: make `.venv` and install exactly what a lock names, if that is still to do.

It runs by path, under whatever Python is at hand, with the standard library alone.
"""

import collections
import hashlib
import importlib.util
import shutil
import subprocess
import sys
import time
from pathlib import Path

BASE_DIR = Path(__file__).resolve().parent.parent.parent
ENVIRONMENT = BASE_DIR / ".venv"
SUPPORTED = ((3, 11), (3, 15))
REPORT_SECONDS = 2.0
KEPT_LINES = 30


def main(lock: Path, environment: Path = ENVIRONMENT) -> int:
    """Returns the exit code: 0 when the environment holds what the lock names."""
    if not SUPPORTED[0] <= sys.version_info[:2] < SUPPORTED[1]:
        return _refuse(f"Bursar needs Python 3.11 to 3.14, this is {sys.version.split()[0]}.")
    python = environment / "bin" / "python"
    stamp = environment / f"{lock.stem}.sha256"
    wanted = hashlib.sha256(lock.read_bytes()).hexdigest()
    if python.exists() and stamp.exists() and stamp.read_text() == wanted:
        return 0
    if not _has_pip(python):
        if importlib.util.find_spec("ensurepip") is None:
            return _refuse("Python's venv module is incomplete. On Debian or Ubuntu: apt-get install python3-venv")
        print(f"Making the Python environment {environment.name} …", flush=True)
        if environment.exists():
            shutil.rmtree(environment)
        subprocess.run([sys.executable, "-m", "venv", str(environment)], check=True)
    code = _install(lock, python)
    if code == 0:
        stamp.write_text(wanted)
    return code


def _refuse(reason: str) -> int:
    print(reason, file=sys.stderr)
    return 1


def _has_pip(python: Path) -> bool:
    """An environment that was left half made, or whose Python has gone, is made again."""
    if not python.exists():
        return False
    return subprocess.run([str(python), "-c", "import pip"], capture_output=True).returncode == 0


def _install(lock: Path, python: Path) -> int:
    """Run pip and say every few seconds how far it is; its own words are shown only when it fails."""
    command = [str(python), "-m", "pip", "install", "--require-hashes", "--no-deps", "--progress-bar", "off"]
    started = told = time.monotonic()
    found = 0
    last_lines: collections.deque[str] = collections.deque(maxlen=KEPT_LINES)
    print(f"Installing what {lock.name} names …", flush=True)
    with subprocess.Popen(
        [*command, "--requirement", str(lock)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        for line in process.stdout or ():
            last_lines.append(line)
            found += line.startswith(("Collecting ", "Requirement already satisfied"))
            if line.startswith("Installing collected"):
                print(f"  unpacking {line.count(',') + 1} packages …", flush=True)
                told = float("inf")
            elif time.monotonic() > told + REPORT_SECONDS:
                print(f"  {found} packages found so far", flush=True)
                told = time.monotonic()
    if process.returncode != 0:
        sys.stderr.writelines(last_lines)
        return _refuse("The packages could not be installed; what pip said is above.")
    print(f"  installed in {time.monotonic() - started:.0f} s", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(*(Path(argument).resolve() for argument in sys.argv[1:])))
