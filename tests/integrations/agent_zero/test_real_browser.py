"""The browser of version 1.7: a tool of the main loop that looks at pages and asks the chat model what to do there."""

import contextlib
import json
import os
import signal
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.integrations.agent_zero.provider import Answer, Plane, say, tool
from tests.integrations.agent_zero.tree import NEEDS_TREE, USAGE, Zero, is_main, needs, told_of, zero

__all__ = ["zero"]
CHROMIUM = os.environ.get("CHROMIUM", "/usr/bin/chromium")
pytestmark = [
    *NEEDS_TREE,
    pytest.mark.skipif(not Path(CHROMIUM).exists(), reason=f"there is no Chromium at {CHROMIUM}"),
]
TITLE = "Timetable of the ferry"


@pytest.fixture
def page() -> Iterator[str]:
    """The address of a page on this machine."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            content = f"<title>{TITLE}</title><h1>{TITLE}</h1><a href='/next'>The next one leaves at 9</a>".encode()
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}/"
    server.shutdown()
    server.server_close()


@pytest.fixture
def browsing(zero: Zero) -> Iterator[Zero]:
    """Agent Zero with its browser plugin and this machine's Chromium, which is stopped with the test."""
    if not (zero.copy / "plugins" / "_browser_agent").is_dir():
        pytest.skip("from version 2 on the browser asks no model of its own")
    needs("browser_use")
    zero.switch("_browser_agent", on=True)
    # Where it would put the browser of its own; its profiles go below the home folder.
    shell = zero.copy / "tmp" / "playwright" / "chromium_headless_shell-0" / "chrome-linux" / "headless_shell"
    shell.parent.mkdir(parents=True)
    shell.symlink_to(CHROMIUM)
    zero.variables = {"HOME": str(zero.copy), "ANONYMIZED_TELEMETRY": "false", "BROWSER_USE_CLOUD_SYNC": "false"}
    zero.variables["SKIP_LLM_API_KEY_VERIFICATION"] = "true"
    yield zero
    for line in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            if f"--user-data-dir={zero.copy}".encode() in line.read_bytes():
                os.kill(int(line.parent.name), signal.SIGTERM)


def test_each_call_of_the_browser_is_told_with_its_role(browsing: Zero, page: str) -> None:
    def play(body: dict[str, Any], _: int) -> Answer:
        if not is_main(body):
            return Answer("title", usage=USAGE)
        asked = json.dumps(body["messages"])
        if "response_format" in body:
            seen = {"title": TITLE, "response": "It leaves at 9.", "page_summary": "A timetable."}
            act: dict[str, Any] = {"go_to_url": {"url": page, "new_tab": False}}
            if "The next one leaves at 9" in asked:
                act = {"done": {"success": True, "data": seen}}
            thought = {"evaluation_previous_goal": ".", "memory": ".", "next_goal": "."}
            return Answer(json.dumps({**thought, "action": [act]}), usage=USAGE)
        if "It leaves at 9." in asked:
            return Answer(say("At 9."), usage=USAGE)
        return Answer(tool("browser_agent", message=f"Open {page} and tell when it leaves.", reset="true"), usage=USAGE)

    plane = Plane()
    told, provider = browsing.run("When does the ferry leave?", play=play, plane=plane)

    assert told["answers"] == ["At 9."]
    asked = [body for body in provider.seen if "response_format" in body]
    records = told_of(plane, role="browser")
    assert len(records) == len(asked) >= 2
    assert {
        (one["task_type"], one["model"], one["conversation_id"], one["status"], one["input_tokens"]) for one in records
    } == {("browser", "main-model", told["context"], "ok", USAGE["prompt_tokens"])}
    assert not any("usage_source" in one for one in records)
    assert [one["task_type"] for one in told_of(plane, role="chat")] == ["main_loop", "main_loop"]
