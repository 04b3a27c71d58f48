"""What the sync and the async client share: everything but the waiting."""

from __future__ import annotations

import dataclasses
import logging
import threading
from collections.abc import Mapping
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

from . import forks
from .about import present
from .asking import Breaker, LeftAlone
from .compressions import Compression, Messages, unchanged
from .decisions import Decider
from .fields import Decision, plain
from .ids import new_id
from .policy import Config, Policies
from .reporter import Reporter, Stats
from .reservations import Reservation
from .sending import OUTCOME, RELEASE, USAGE
from .settings import Settings, url_and_key
from .transport import Transport, Unreachable

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from . import fields

logger = logging.getLogger("bursar_client")
_OFF = LeftAlone("this client has no server")


class Core:
    """A client of one Bursar. `url` and `key` default to `BURSAR_URL` and `BURSAR_KEY`; without them it is off.

    Raises ValueError for an address that is none; nothing else here ever raises for want of a server.
    """

    def __init__(
        self,
        url: str | None = None,
        key: str | None = None,
        *,
        project: str | None = None,
        agent: str | None = None,
        spool: str | Path | None = None,
        **limits: Any,
    ) -> None:
        url, key = url_and_key(url, key)
        folder = Path(spool) if spool is not None else None
        self.settings = Settings(url, key, project=project, agent=agent, spool=folder, **limits)
        self._defaults = {name: value for name, value in (("project", project), ("agent", agent)) if value}
        self._transport = Transport(url or "http://127.0.0.1", key)
        self._reporter = Reporter(self.settings, self._transport)
        self._begin()
        if not self.is_on:
            logger.error("BURSAR_URL and BURSAR_KEY are not both set: nothing is reported, nothing is decided.")
        forks.remember(self)

    @property
    def is_on(self) -> bool:
        """Whether there is a server to talk to."""
        return self.settings.is_complete

    @property
    def budgets(self) -> list[dict[str, Any]]:
        """The budgets that apply, tightest first, as the server told them with the last report; costs no question."""
        return list(self._reporter.budgets)

    def report(self, **record: Unpack[fields.Usage]) -> str:
        """Report one call or tool execution; returns its id. Takes microseconds, never raises, survives a kill.

        Fields that are not given come from `about(…)`, then from the client. `occurred_at` is now.
        """
        return self._accept(USAGE, record, {**self._defaults, **present()})

    def outcome(self, **outcome: Unpack[fields.Outcome]) -> str:
        """Report how a task, conversation, decision or call went; returns its id. Like `report`."""
        known = {name: value for name, value in self._defaults.items() if name == "project"}
        return self._accept(OUTCOME, outcome, known)

    def start(self) -> None:
        """Start the background now, not with the first record: where that may be made while the interpreter ends."""
        if self.is_on:
            self._reporter.start()

    def stats(self) -> Stats:
        """What became of everything that was reported by this process."""
        return self._reporter.stats()

    def after_fork(self) -> None:
        """In a child process: locks may be held for ever by threads that are not there."""
        self._begin()

    def _begin(self) -> None:
        folder, seconds = self.settings.spool_folder, self.settings.decision_timeout
        self._policies = Policies(self._transport, folder, seconds, self._defaults)
        self._decider = Decider(self._transport, self._policies, seconds)
        self._breaker, self._compression_breaker = Breaker(), Breaker()
        self._refreshing = threading.Lock()

    def _accept(self, kind: bytes, given: Mapping[str, Any], known: Mapping[str, Any]) -> str:
        identity = str(given.get("id") or new_id())
        try:
            record: dict[str, Any] = {**known, **given, "id": identity}
            if kind == USAGE and not record.get("occurred_at"):
                record["occurred_at"] = datetime.now(timezone.utc).isoformat()
            body = {name: plain(value) for name, value in record.items() if value is not None}
            if self.is_on:
                self._reporter.accept(kind, body)
        except Exception as error:  # an agent never fails for its bookkeeping
            line = kind + b" " + repr(dict(given)).encode(errors="replace")
            self._reporter.refuse(line, [{"code": "not_json", "message": f"It cannot be sent as JSON: {error}."}])
        return identity

    def _question(self, question: Mapping[str, Any]) -> dict[str, Any]:
        names = ("conversation_id", "project", "agent", "user", "role", "task_type", "tool", "tags")
        known = {**self._defaults, **present()}
        asked = {**{name: known[name] for name in names if name in known}, **question}
        # Whatever becomes of the answer, it is known what may be held: it has this id.
        return {"id": new_id(), **asked} if asked.get("reserve") else asked

    def _checked(self) -> Breaker:
        """What to ask with. Raises Unreachable when the client is off."""
        if not self.is_on:
            raise _OFF
        return self._breaker

    def _compressing(self) -> Breaker:
        """What to ask for compressions with: a slow one says nothing of decisions. Raises Unreachable when off."""
        self._checked()
        return self._compression_breaker

    def _uncompressed(self, messages: Messages, error: Exception) -> Compression:
        logger.warning("Messages are sent as they are: %s", error)
        return unchanged(messages)

    def _refresh_config(self) -> None:
        """Have a config at hand for when the server is away; in the background, once at a time."""
        if self._policies.is_fresh or not self._refreshing.acquire(blocking=False):
            return

        def refresh() -> None:
            try:
                self._policies.ask()
            except Exception as error:
                logger.debug("The config could not be asked for: %r", error)
            finally:
                self._refreshing.release()

        threading.Thread(target=refresh, name="bursar-config", daemon=True).start()

    def _decide_alone(self, question: Mapping[str, Any], error: Exception) -> Decision:
        if question.get("reserve") and not isinstance(error, LeftAlone):
            # The server may have held something although its answer came too late to be known.
            self._release_later(str(question["id"]), question.get("project"))
        try:
            return self._decider.alone(question, str(error))
        except Exception as another:
            logger.error("The last config cannot be used: %r", another)
            return Decision("keep", None, reason_code="unreachable", reason=str(error), source="agent")

    def _last_config(self) -> Config | None:
        return self._policies.last()

    def _held(self, reservation: Reservation) -> Reservation:
        return dataclasses.replace(reservation, _release=self._release_later)

    def release(self, identity: str, project: str | None = None) -> None:
        """Give back what a decision holds for a call that will not be made. Like `report`: it waits for nothing.

        A call that is reported with `reservation_id` needs none of it.
        """
        self._release_later(identity, project or self.settings.project)

    def _release_later(self, identity: str, project: str | None) -> None:
        if self.is_on:
            self._reporter.accept(RELEASE, {"id": identity, **({"project": project} if project else {})})

    def _may_go_on(self, amount_usd: object, error: Unreachable) -> Reservation | None:
        """A reservation of nothing when the server is away; None when the policy is to wait for it."""
        config = self._policies.last()
        if config is not None and config.on_unreachable == "closed":
            return None
        return Reservation(None, str(plain(amount_usd)), raw={"reason": str(error)})


def texts(scope: Mapping[str, Any]) -> dict[str, str]:
    """A scope as query parameters: tags become `tag:<name>`."""
    flat: dict[str, str] = {}
    for name, value in scope.items():
        if name == "tags" and isinstance(value, Mapping):
            flat.update({f"tag:{tag}": str(text) for tag, text in value.items()})
        elif value is not None:
            flat[name] = str(value)
    return flat
