from agent import AgentContext
from helpers.api import ApiHandler, Request, Response
from usr.plugins.bursar.helpers import chat_cost, zero


class ChatCost(ApiHandler):
    """What the open chat has cost."""

    async def process(self, input: dict, request: Request) -> dict | Response:
        import asyncio

        context = AgentContext.get(str(input.get("context_id", "")))
        if not context:
            return Response(status=404, response="Context not found")
        options = zero.options_of(context.agent0)
        return await asyncio.to_thread(chat_cost.cost_of, context.agent0, options)
