"""The client for asyncio. Reporting is the same plain call: it takes microseconds and waits for nobody."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from decimal import Decimal
from functools import partial
from typing import TYPE_CHECKING, Any

from . import compressions, reservations
from .asking import ask_async
from .client import budgets_of, granted, opened, settled
from .compressions import Compression, Messages
from .core import Core, logger, texts
from .fields import Decision, plain
from .policy import Config
from .reservations import Reservation
from .transport import Unreachable

if TYPE_CHECKING:
    from typing_extensions import Self, Unpack

    from .fields import Question

AsyncSummarize = Callable[[list[dict[str, Any]], int], Awaitable["tuple[str, Decimal | str]"]]


class AsyncClient(Core):
    """Reports, asks and reserves without holding up the event loop."""

    async def decide(self, **question: Unpack[Question]) -> Decision:
        """Which model for the next call. Waits at most `decision_timeout`; never raises."""
        asked = self._question(question)
        try:
            if found := self._decider.remembered(asked):
                return found
            decision = await ask_async(
                lambda: self._decider.ask(asked), self.settings.decision_timeout, self._checked()
            )
        except Exception as error:
            return self._decide_alone(asked, error)
        self._refresh_config()
        return decision

    async def config(self) -> Config | None:
        """The routing policy: from memory for its ttl, else asked for; the last one when the server is away."""
        if not self._policies.is_fresh:
            with contextlib.suppress(Unreachable):
                return await ask_async(self._policies.ask, self.settings.decision_timeout, self._checked())
        return self._last_config()

    async def budget_status(self, **scope: Any) -> list[dict[str, Any]] | None:
        """The budgets that apply, tightest first; None if unknown."""
        query = texts(self._question(scope))
        try:
            return await ask_async(lambda: budgets_of(self, query), self.settings.decision_timeout, self._checked())
        except Unreachable:
            return None

    @contextlib.asynccontextmanager
    async def reserve(self, amount_usd: Decimal | str, **scope: Any) -> AsyncIterator[Reservation]:
        """Hold an amount for the block. Raises BudgetRefused before the block when a budget has not enough left."""
        fields = {**self._question(scope), "amount_usd": amount_usd}
        seconds = self.settings.decision_timeout
        try:
            held = settled(self, await ask_async(lambda: granted(self, fields), seconds, self._checked()))
        except Unreachable as error:
            held = opened(self, amount_usd, error)
        held.enter()
        try:
            yield held
        finally:
            held.leave()

    async def extend(self, reservation: Reservation, ttl_s: int) -> bool:
        """Hold it for longer, at most an hour. Whether the server does."""
        if reservation.id is None:
            return False
        seconds = self.settings.decision_timeout
        try:
            return await ask_async(
                lambda: reservations.extend(self._transport, reservation, ttl_s, seconds), seconds, self._checked()
            )
        except Unreachable:
            return False

    async def compress(
        self, messages: Messages, *, seconds: float = 5.0, summarize: AsyncSummarize | None = None, **wish: Any
    ) -> Compression:
        """As that of `Client`; `summarize` is awaited."""
        wish = {**wish, "summary": True} if summarize else wish
        try:
            found = await self._compressed(messages, wish, seconds)
            if summarize is None or (request := compressions.request_of(found)) is None:
                return found
        except Exception as error:
            return self._uncompressed(messages, error)
        try:
            text, cost = await summarize(*request)
            summary = {"text": text, "cost_usd": plain(cost)}
            return compressions.better(found, await self._compressed(messages, {**wish, "summary": summary}, seconds))
        except Exception as error:
            logger.warning("The summary could not be used: %r", error)
            return found

    async def _compressed(self, messages: Messages, wish: Mapping[str, Any], seconds: float) -> Compression:
        work = partial(compressions.asked, self._transport, messages, wish, seconds)
        return await ask_async(work, seconds, self._compressing())

    async def flush(self, seconds: float = 10.0) -> bool:
        """Wait until everything reported so far has been answered. False when it has not; nothing is lost then."""
        return await asyncio.to_thread(self._reporter.flush, seconds)

    async def close(self, seconds: float | None = None) -> bool:
        """Flush and stop; also done when the process ends. What could not be sent waits on disk."""
        most = self.settings.at_exit if seconds is None else seconds
        return await asyncio.to_thread(self._reporter.close, most)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exception: object) -> None:
        await self.close()
