"""Runs inside a copy of Agent Zero, under its own Python: sends messages through the real loop, prints what came of it.

Arguments: a JSON object with `messages`. The last line printed is a JSON object.
"""

import json
import os
import sys
import time
import types

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


def main() -> None:
    context = AgentContext(config=initialize.initialize_agent())
    answers = []
    for message in ASKED["messages"]:
        try:
            answers.append(str(context.communicate(UserMessage(message, [])).result_sync(timeout=60)))
        except Exception as error:
            answers.append(f"{type(error).__name__}: {error}")
    from usr.plugins.bursar.helpers import attempts, plane  # type: ignore[import-not-found]

    deadline = time.monotonic() + 10
    while attempts.waiting() and time.monotonic() < deadline:
        time.sleep(0.05)
    flushed = [client.flush(10) for client in plane.kept().get("clients", {}).values() if client]
    lines = [[item.type, item.heading, item.content] for item in context.log.logs]
    told = {
        "answers": answers,
        "context": context.id,
        "flushed": flushed,
        "lines": lines,
        "override": context.get_data("chat_model_override"),
    }
    print("\n" + json.dumps(told), flush=True)


main()
os._exit(0)
