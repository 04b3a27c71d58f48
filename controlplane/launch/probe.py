"""`python -m controlplane.launch.probe`: exit code 0 when the web server of this machine answers /healthz."""

import contextlib
import http.client
import sys

TIMEOUT_SECONDS = 2


def probe_host(host: str) -> str:
    """The address to ask for a server that listens on `host`; every address includes this machine's own."""
    return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)


def web_address(host: str, port: int) -> str:
    """The URL at which a browser on this machine reaches the server."""
    name = probe_host(host)
    return f"http://[{name}]:{port}" if ":" in name else f"http://{name}:{port}"


def allowed_name(allowed_hosts: list[str]) -> str:
    """A name the server answers to: the first of ALLOWED_HOSTS, whose leading dot stands for any subdomain."""
    first = allowed_hosts[0].lstrip(".")
    return "localhost" if first == "*" else first


def answers(host: str, port: int, allowed_hosts: list[str]) -> bool:
    """Whether GET /healthz is answered with 200."""
    connection = http.client.HTTPConnection(probe_host(host), port, timeout=TIMEOUT_SECONDS)
    with contextlib.closing(connection), contextlib.suppress(OSError, http.client.HTTPException):
        connection.request("GET", "/healthz", headers={"Host": allowed_name(allowed_hosts)})
        return connection.getresponse().status == http.HTTPStatus.OK
    return False


def main() -> int:
    """Ask the server that the settings describe."""
    from controlplane import settings

    return 0 if answers(settings.WEB_HOST, settings.WEB_PORT, settings.ALLOWED_HOSTS) else 1


if __name__ == "__main__":
    sys.exit(main())
