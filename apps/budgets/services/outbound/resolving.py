"""Looking up a host's addresses, within a time: the system's own resolver knows none."""

import queue
import socket
import threading


class Unresolved(Exception):
    """The host has no address, or nobody said so in time."""


def resolve(host: str, port: int, *, seconds: float) -> list[str]:
    """Every address of the host, in the order in which to try them. Raises Unresolved."""
    answers: queue.SimpleQueue[list[str] | OSError] = queue.SimpleQueue()
    threading.Thread(target=_look_up, args=(host, port, answers), daemon=True).start()
    try:
        found = answers.get(timeout=seconds)
    except queue.Empty:
        raise Unresolved(f"{host} could not be looked up within {seconds:g} s.") from None
    if isinstance(found, OSError):
        raise Unresolved(f"{host} could not be found.")
    return found


def _look_up(host: str, port: int, answers: "queue.SimpleQueue[list[str] | OSError]") -> None:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        answers.put(OSError(str(error)))
    else:
        answers.put(list(dict.fromkeys(str(one[4][0]) for one in found)))
