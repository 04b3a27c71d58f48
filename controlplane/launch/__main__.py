"""`python -m controlplane.launch`: start everything on this machine, keep it running, stop it cleanly."""

import contextlib
import importlib
import json
import os
import socket
import sys
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

from django.core.exceptions import ImproperlyConfigured

from controlplane.launch.broker import prepare_broker
from controlplane.launch.console import Console
from controlplane.launch.embedded import embedded_cluster, start_database
from controlplane.launch.environment_files import read_environment, write_services_file
from controlplane.launch.leftovers import living, only_one, stop
from controlplane.launch.places import BASE_DIR, LaunchError, make_folder, var_dir
from controlplane.launch.probe import answers, web_address
from controlplane.launch.procfile import read_procfile
from controlplane.launch.supervisor import Service, ServiceFailed, StopRequested, Supervisor, virtual_environment
from controlplane.launch.welcome import print_secrets, print_welcome

PREPARE_SECONDS = 900.0
WEB_SECONDS = 60.0


def main() -> int:
    """Run until told to stop. Returns the exit code: 0 after a clean stop, 1 when something has to be put right."""
    console = Console()
    var = var_dir()
    try:
        make_folder(var)
        with only_one(var / "manager.lock"):
            launch(console, var)
    except LaunchError as error:
        console.line(f"Bursar cannot start: {error}")
        return 1
    except ServiceFailed as error:
        console.line(f"Bursar stopped: {error}")
        return 1
    except StopRequested:
        console.line("Bursar has stopped; everything it had started has ended.")
    return 0


def launch(console: Console, var: Path) -> None:
    """Start everything in order and look after it. Ends with StopRequested, ServiceFailed or LaunchError."""
    record = var / "processes.json"
    left = living(record)
    supervisor = Supervisor(console, record)
    supervisor.listen_for_signals()
    try:
        if left:
            with console.step(f"Stopping {len(left)} services that an earlier run left behind"):
                stop(left)
        read_environment(var)
        run_services(console, supervisor, var)
    finally:
        with console.step("Stopping") if supervisor.has_started() else contextlib.nullcontext():
            supervisor.stop()


def run_services(console: Console, supervisor: Supervisor, var: Path) -> None:
    """The order of a start: the environment, the database, the preparation, the services."""
    cluster = None if "DATABASE_URL" in os.environ else embedded_cluster(var)
    services = {name: os.environ[name] for name in ("BURSAR_HOST", "BURSAR_PORT") if name in os.environ}
    if cluster is not None:
        services["DATABASE_URL"] = os.environ["DATABASE_URL"] = cluster.url()
        services["BURSAR_DATABASE_FOLDER"] = os.environ["BURSAR_DATABASE_FOLDER"] = str(cluster.folder)
    write_services_file(var, services)
    settings = read_settings()
    check_port(settings.WEB_HOST, settings.WEB_PORT)
    if cluster is not None:
        start_database(console, supervisor, cluster)
    if settings.CELERY_BROKER_URL.startswith("filesystem:"):
        prepare_broker(var)
    address = web_address(settings.WEB_HOST, settings.WEB_PORT)
    first = prepare(supervisor)
    try:
        start_processes(console, supervisor, settings)
    except BaseException:
        print_secrets(console, address, first)
        raise
    print_welcome(console, address, first)
    supervisor.run()


def start_processes(console: Console, supervisor: Supervisor, settings: ModuleType) -> None:
    """Start what the Procfile names and wait until the web server answers."""
    for name, command in read_procfile().items():
        supervisor.start(Service(name, command, virtual_environment(), options={"cwd": BASE_DIR}))
    with console.step("Waiting for the web server"):
        where = settings.WEB_HOST, settings.WEB_PORT, settings.ALLOWED_HOSTS
        supervisor.wait(lambda: answers(*where), WEB_SECONDS, "The web server")


def read_settings() -> ModuleType:
    """The settings, once the environment is complete. Raises LaunchError naming the variable that is wrong."""
    try:
        return importlib.import_module("controlplane.settings")
    except ImproperlyConfigured as error:
        raise LaunchError(str(error)) from error


def check_port(host: str, port: int) -> None:
    """Raises LaunchError, naming the setting, when the web server could not listen there."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            hint = f"Set BURSAR_PORT to a free port, e.g. BURSAR_PORT={port + 1} make run, or BURSAR_HOST."
            raise LaunchError(f"{host}:{port} cannot be used ({error.strerror}). {hint}") from error


def prepare(supervisor: Supervisor) -> Mapping[str, Any]:
    """Run `manage.py prepare`; returns the secrets of a first start, which come through a pipe and are kept nowhere."""
    reading, writing = os.pipe()
    with os.fdopen(reading) as report:
        try:
            command = [sys.executable, str(BASE_DIR / "manage.py"), "prepare", "--report", str(writing)]
            supervisor.step(command, virtual_environment(), PREPARE_SECONDS, cwd=BASE_DIR, pass_fds=[writing])
        finally:
            os.close(writing)
        return dict(json.loads(report.read() or "{}"))


if __name__ == "__main__":
    code = main()
    with contextlib.suppress(OSError):
        sys.stdout.flush()
    # What could not be written any more must not turn a clean end into an error.
    os._exit(code)
