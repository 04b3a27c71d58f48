from agent import AgentContext
from helpers import persist_chat
from helpers.api import ApiHandler, Request, Response
from usr.plugins.bursar.helpers import answers, turns, zero


class Judge(ApiHandler):
    """A thumb under an answer: an outcome of the user for the task of that answer."""

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
        task = answers.judge(context.agent0, str(input.get("answer", "")), is_good)
        if task is None:
            return Response(status=404, response="Bursar does not know this answer")
        turns.judge(task, is_good, options)
        persist_chat.save_tmp_chat(context)
        return {"ok": True, "answers": answers.told(context.agent0)}
