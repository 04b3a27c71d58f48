"""The embedded PostgreSQL of an installation: where it lies, and how it is started."""

import os
import signal
from pathlib import Path

from controlplane.launch.cluster import ROUTINE, Cluster
from controlplane.launch.console import Console
from controlplane.launch.places import database_account, database_home
from controlplane.launch.programs import usable_programs
from controlplane.launch.supervisor import Service, Supervisor

# After a crash PostgreSQL replays up to 2 GB of its log first.
DATABASE_SECONDS = 300.0


def embedded_cluster(var: Path) -> Cluster:
    """The cluster of this installation, with programs that its account can run."""
    account, home = database_account(), database_home(var)
    return Cluster(home / "postgres", account, usable_programs(home, account))


def start_database(console: Console, supervisor: Supervisor, cluster: Cluster) -> None:
    """Start the embedded PostgreSQL, at the first start with a new cluster."""
    with console.step("Starting the database" if cluster.exists() else "Creating the database"):
        cluster.stop_leftover()
        cluster.create()
        options, before = cluster.account.popen_options(), cluster.stop_leftover
        environment = postgres_environment()
        service = Service("postgres", cluster.command(), environment, 0, signal.SIGINT, options, before, ROUTINE)
        supervisor.start(service)
        supervisor.wait(cluster.is_ready, DATABASE_SECONDS, "The database")
        cluster.ensure_database()


def postgres_environment() -> dict[str, str]:
    """PostgreSQL needs nothing of our environment, and must not inherit anybody's PG… variables."""
    return {"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"}
