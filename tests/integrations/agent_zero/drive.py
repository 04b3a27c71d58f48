"""Runs inside a copy of Agent Zero, under its own Python: sends messages through the real loop, prints what came of it.

Arguments: a JSON object with `chats`, each a list of messages; `patience`, how many seconds at most a person reads
before the next message, for each chat; `late`, true when no report gets through before the last message was answered;
and `then`: `compact` or `browse`. The last line printed is a JSON object.
"""

import contextlib
import json
import os
import sys
import time
import types
from collections.abc import Iterator
from typing import Any

ASKED = json.loads(sys.argv[1])
sys.argv = [sys.argv[0], "--dockerized=true"]
for _name in ("sentence_transformers", "whisper"):
    sys.modules[_name] = types.ModuleType(_name)
sys.modules["sentence_transformers"].SentenceTransformer = object  # type: ignore[attr-defined]
sys.path.insert(0, os.getcwd())

import initialize  # type: ignore[import-not-found]  # noqa: E402
from agent import AgentContext, UserMessage  # type: ignore[import-not-found]  # noqa: E402
from helpers import runtime  # type: ignore[import-not-found]  # noqa: E402

runtime.initialize()


async def browse(agent: Any) -> str:
    """One call of the browser's model, as its plugin makes it."""
    if not hasattr(agent, "get_browser_model"):  # from version 2 on
        from plugins._browser.helpers.config import resolve_browser_model  # type: ignore[import-not-found]

        answer, _ = await resolve_browser_model(agent).unified_call(user_message="Look at the page.")
        return str(answer)
    model = agent.get_browser_model()
    answer = await model.get_client().chat.completions.create(messages=[{"role": "user", "content": "Look."}])
    return str(answer.choices[0].message.content)


async def compact(agent: Any) -> str:
    """What the button Compact does."""
    from plugins._chat_compaction.helpers.compactor import run_compaction  # type: ignore[import-not-found]

    await run_compaction(agent.context)
    return str(agent.history.output())


def settle(seconds: float) -> list[bool]:
    """Wait until everything is reported, as far as Bursar is there; whether it is."""
    from usr.plugins.bursar.helpers import attempts, plane  # type: ignore[import-not-found]

    deadline = time.monotonic() + seconds
    while attempts.waiting() and time.monotonic() < deadline:
        time.sleep(0.02)
    clients = [client for client in plane.kept().get("clients", {}).values() if client]
    return [client.flush(max(0.1, deadline - time.monotonic())) for client in clients]


@contextlib.contextmanager
def late() -> Iterator[None]:
    """No report reaches Bursar."""
    from usr.plugins.bursar.bursar_client import reporter  # type: ignore[import-not-found]

    def not_yet(*_: Any, **__: Any) -> Any:
        raise reporter.TryLater("late")

    own, reporter.send = reporter.send, not_yet
    yield
    reporter.send = own


def main() -> None:
    with late() if ASKED.get("late") else contextlib.nullcontext():
        answers, contexts, context = talk()
    then = {"compact": compact, "browse": browse}.get(ASKED.get("then"))
    done = context.run_task(then, context.agent0).result_sync(timeout=60) if then else ""
    if then:
        time.sleep(1.5)  # LiteLLM tells of calls that nobody waits for in the background
    told = {
        "answers": answers,
        "context": context.id,
        "contexts": contexts,
        "done": done,
        "flushed": settle(30),
        "lines": [[item.type, item.heading, item.content] for item in context.log.logs],
        "override": context.get_data("chat_model_override"),
    }
    print("\n" + json.dumps(told), flush=True)


def talk() -> tuple[list[str], list[str], Any]:
    """The answers, the ids of the chats, and the last chat."""
    answers, contexts = [], []
    for number, messages in enumerate(ASKED["chats"]):
        context = AgentContext(config=initialize.initialize_agent())
        contexts.append(context.id)
        for message in messages:
            try:
                answers.append(str(context.communicate(UserMessage(message, [])).result_sync(timeout=60)))
            except Exception as error:
                answers.append(f"{type(error).__name__}: {error}")
            settle(ASKED["patience"][number] if "patience" in ASKED else 2)  # people read before they answer
    return answers, contexts, context


main()
os._exit(0)
