from agent import AgentContext
from helpers.api import ApiHandler, Request, Response
from usr.plugins.bursar.helpers import turns, zero


class Judge(ApiHandler):
    """A thumb under an answer: an outcome of the user for the task of the last turn."""

    async def process(self, input: dict, request: Request) -> dict | Response:
        context = AgentContext.get(str(input.get("context_id", "")))
        if not context:
            return Response(status=404, response="Context not found")
        is_good = input.get("is_good")
        if not isinstance(is_good, bool):
            return Response(status=400, response="is_good is true or false")
        options = zero.options_of(context.agent0)
        if not options.is_on:
            return Response(status=409, response="Bursar's address or key is not set")
        turns.judge(turns.task_of(context.agent0), is_good, options)
        return {"ok": True}
