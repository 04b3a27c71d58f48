"""The client for ordinary, blocking code."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from decimal import Decimal
from functools import partial
from typing import TYPE_CHECKING, Any

from . import compressions, reservations
from .asking import ask
from .compressions import Compression, Messages, Summarize
from .core import Core, logger, texts
from .fields import Decision, plain
from .policy import Config
from .reservations import BudgetRefused, Reservation
from .transport import Unreachable

if TYPE_CHECKING:
    from typing_extensions import Self, Unpack

    from .fields import Question


class Client(Core):
    """Reports, asks and reserves. One for the whole process is enough; it is safe in threads and after a fork."""

    def decide(self, **question: Unpack[Question]) -> Decision:
        """Which model for the next call. Waits at most `decision_timeout`; never raises.

        Answered from memory while the last decision holds. Without the server the last config decides, then the agent.
        """
        asked = self._question(question)
        try:
            if found := self._decider.remembered(asked):
                return found
            decision = ask(lambda: self._decider.ask(asked), self.settings.decision_timeout, self._checked())
        except Exception as error:
            return self._decide_alone(asked, error)
        self._refresh_config()
        return decision

    def config(self) -> Config | None:
        """The routing policy: from memory for its ttl, else asked for; the last one when the server is away."""
        if not self._policies.is_fresh:
            with contextlib.suppress(Unreachable):
                return ask(self._policies.ask, self.settings.decision_timeout, self._checked())
        return self._last_config()

    def budget_status(self, **scope: Any) -> list[dict[str, Any]] | None:
        """The budgets that apply to agent, conversation_id, user, project, tags, …, tightest first; None if unknown."""
        query = texts(self._question(scope))
        try:
            return ask(lambda: budgets_of(self, query), self.settings.decision_timeout, self._checked())
        except Unreachable:
            return None

    @contextlib.contextmanager
    def reserve(self, amount_usd: Decimal | str, **scope: Any) -> Iterator[Reservation]:
        """Hold an amount for the block. Raises BudgetRefused before the block when a budget has not enough left."""
        held = self._reserve(amount_usd, scope)
        held.enter()
        try:
            yield held
        finally:
            held.leave()

    def extend(self, reservation: Reservation, ttl_s: int) -> bool:
        """Hold it for longer, at most an hour. Whether the server does."""
        if reservation.id is None:
            return False
        seconds = self.settings.decision_timeout
        try:
            return ask(
                lambda: reservations.extend(self._transport, reservation, ttl_s, seconds), seconds, self._checked()
            )
        except Unreachable:
            return False

    def compress(
        self, messages: Messages, *, seconds: float = 5.0, summarize: Summarize | None = None, **wish: Any
    ) -> Compression:
        """Messages with less in them, by the server; unchanged when that is not worth it, or without the server.

        Never raises. `wish` are the fields of the API: provider, model, target_tokens, keep, …. `summarize` is asked
        for a summary when the target is not met without one, and what it costs is charged against the saving.
        """
        wish = {**wish, "summary": True} if summarize else wish
        try:
            found = self._compressed(messages, wish, seconds)
            if summarize is None or (request := compressions.request_of(found)) is None:
                return found
        except Exception as error:
            return self._uncompressed(messages, error)
        try:
            text, cost = summarize(*request)
            summary = {"text": text, "cost_usd": plain(cost)}
            return compressions.better(found, self._compressed(messages, {**wish, "summary": summary}, seconds))
        except Exception as error:
            logger.warning("The summary could not be used: %r", error)
            return found

    def _compressed(self, messages: Messages, wish: Mapping[str, Any], seconds: float) -> Compression:
        work = partial(compressions.asked, self._transport, messages, wish, seconds)
        return ask(work, seconds, self._compressing())

    def flush(self, seconds: float = 10.0) -> bool:
        """Wait until everything reported so far has been answered. False when it has not; nothing is lost then."""
        return self._reporter.flush(seconds)

    def close(self, seconds: float | None = None) -> bool:
        """Flush and stop; also done when the process ends. What could not be sent waits on disk."""
        return self._reporter.close(self.settings.at_exit if seconds is None else seconds)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def _reserve(self, amount_usd: Decimal | str, scope: Mapping[str, Any]) -> Reservation:
        fields = {**self._question(scope), "amount_usd": amount_usd}
        seconds = self.settings.decision_timeout
        try:
            got = ask(lambda: granted(self, fields), seconds, self._checked())
        except Unreachable as error:
            return opened(self, amount_usd, error)
        return settled(self, got)


def budgets_of(client: Core, query: Mapping[str, str]) -> list[dict[str, Any]]:
    """The server's answer. Raises Unreachable."""
    answer = client._transport.ask("GET", "/api/budgets/status", query=query, seconds=client.settings.decision_timeout)
    results = answer.json().get("results")
    if answer.status != 200 or not isinstance(results, list):
        raise Unreachable(f"{answer.status}: {answer.detail}")
    return results


def granted(client: Core, fields: Mapping[str, Any]) -> Reservation | BudgetRefused:
    """A reservation, or the refusal as a value: it is an answer, no failure of the server. Raises Unreachable."""
    try:
        return reservations.ask_for(client._transport, fields, client.settings.decision_timeout)
    except BudgetRefused as refused:
        return refused


def settled(client: Core, got: Reservation | BudgetRefused) -> Reservation:
    """What to enter the block with. Raises BudgetRefused."""
    if isinstance(got, BudgetRefused):
        raise got
    return client._held(got)


def opened(client: Core, amount_usd: Decimal | str, error: Unreachable) -> Reservation:
    """Without the server: go on without a reservation. Raises BudgetRefused when the policy is to wait for it."""
    free = client._may_go_on(amount_usd, error)
    if free is None:
        raise BudgetRefused({"detail": f"Bursar cannot be reached ({error}), and its policy is to wait for it."})
    return free
