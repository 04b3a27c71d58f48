"""A provider that speaks OpenAI's chat completions, streaming and not, and plays what a test says."""

import json
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.integrations.agent_zero import responses

Play = Callable[[dict[str, Any], int], "Answer"]


class Answer:
    """What one request is answered with."""

    def __init__(
        self, text: str = "", *, status: int = 200, tail: str = "", usage: dict[str, Any] | None = None
    ) -> None:
        self.text, self.status, self.tail, self.usage = text, status, tail, usage


def say(text: str) -> str:
    """An agent's last word of a turn."""
    return tool("response", text=text)


def tool(name: str, **arguments: str) -> str:
    """An agent's wish for a tool."""
    return json.dumps({"thoughts": ["."], "headline": ".", "tool_name": name, "tool_args": arguments})


class Provider:
    """The running server; `seen` are the requests of the main model's loop and all others, in order."""

    def __init__(self, play: Play, *, speaks_responses: bool = False) -> None:
        self.seen: list[dict[str, Any]] = []
        self.embedded: list[dict[str, Any]] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                if self.path.endswith("/embeddings"):
                    outer.embedded.append(body)
                    self._send(200, json.dumps(_embeddings(body)).encode())
                    return
                if self.path.endswith("/responses") and speaks_responses:
                    outer.seen.append({**body, "messages": body["input"]})
                    self._respond(body, play(outer.seen[-1], len(outer.seen)))
                    return
                if not self.path.endswith("/chat/completions"):
                    self._send(404, b'{"error": {"message": "not here"}}')
                    return
                outer.seen.append(body)
                answer = play(body, len(outer.seen))
                if answer.status != 200:
                    self._send(answer.status, json.dumps({"error": {"message": "no", "code": answer.status}}).encode())
                elif body.get("stream"):
                    self._stream(body, answer)
                else:
                    choice = {
                        "index": 0,
                        "message": {"role": "assistant", "content": answer.text},
                        "finish_reason": "stop",
                    }
                    whole = {
                        "id": "c",
                        "object": "chat.completion",
                        "created": 1,
                        "model": body["model"],
                        "choices": [choice],
                        "usage": answer.usage,
                    }
                    self._send(200, json.dumps(whole).encode())

            def _respond(self, body: dict[str, Any], answer: Answer) -> None:
                if (why := responses.refusal(body)) is not None or answer.status != 200:
                    status = 400 if why else answer.status
                    self._send(status, json.dumps({"error": {"message": why or "no", "code": status}}).encode())
                    return
                if not body.get("stream"):
                    self._send(200, json.dumps(responses.whole(body, answer.text, answer.usage)).encode())
                    return
                self.send_response(200)
                self.send_header("Content-Type", "text/event-stream")
                self.send_header("Connection", "close")
                self.end_headers()
                pieces = [answer.text[start : start + 12] for start in range(0, len(answer.text), 12)]
                try:
                    for event in responses.events(body, pieces, answer.usage):
                        self.wfile.write(f"event: {event['type']}\ndata: {json.dumps(event)}\n\n".encode())
                        self.wfile.flush()
                except OSError:
                    pass
                self.close_connection = True

            def _send(self, status: int, content: bytes) -> None:
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def _stream(self, body: dict[str, Any], answer: Answer) -> None:
                self.send_response(200)
                self.send_header("Content-Type", "text/event-stream")
                self.send_header("Connection", "close")
                self.end_headers()
                pieces = [answer.text[start : start + 12] for start in range(0, len(answer.text), 12)]
                pieces += answer.tail.split(" ") if answer.tail else []
                events: list[dict[str, Any]] = [
                    {"choices": [{"index": 0, "delta": {"role": "assistant", "content": piece}}]} for piece in pieces
                ]
                events.append({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})
                if answer.usage and (body.get("stream_options") or {}).get("include_usage"):
                    events.append({"choices": [], "usage": answer.usage})
                try:
                    for event in events:
                        whole = {
                            "id": "c",
                            "object": "chat.completion.chunk",
                            "created": 1,
                            "model": body["model"],
                            **event,
                        }
                        self.wfile.write(b"data: " + json.dumps(whole).encode() + b"\n\n")
                        self.wfile.flush()
                    self.wfile.write(b"data: [DONE]\n\n")
                except OSError:
                    pass
                self.close_connection = True

            def log_message(self, format: str, *args: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


def _embeddings(body: dict[str, Any]) -> dict[str, Any]:
    """Vectors that differ with their texts, and 7 tokens for each."""
    texts = body["input"] if isinstance(body["input"], list) else [body["input"]]
    data = [
        {"object": "embedding", "index": place, "embedding": [1.0, len(str(text)) % 7 / 7, place / 9, 0.5]}
        for place, text in enumerate(texts)
    ]
    usage = {"prompt_tokens": 7 * len(texts), "total_tokens": 7 * len(texts)}
    return {"object": "list", "model": body["model"], "data": data, "usage": usage}


class Plane:
    """Bursar's API as far as the plugin speaks it: keeps usage and outcomes, decides what the test says."""

    def __init__(self, decide: Callable[[dict[str, Any]], dict[str, Any]] | None = None, **config: Any) -> None:
        self.usage: list[dict[str, Any]] = []
        self.outcomes: list[dict[str, Any]] = []
        self.questions: list[dict[str, Any]] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                self._send(200, {"model_routing_enabled": True, "version": 1, "ttl_s": 60, **config})

            def do_POST(self) -> None:
                import gzip

                raw = self.rfile.read(int(self.headers["Content-Length"]))
                body = json.loads(gzip.decompress(raw) if self.headers.get("Content-Encoding") == "gzip" else raw)
                if self.path.startswith("/api/usage"):
                    outer.usage += body["records"]
                    self._send(200, {**_all(body["records"]), "budgets": []})
                elif self.path.startswith("/api/outcomes"):
                    outer.outcomes += body["outcomes"]
                    self._send(200, _all(body["outcomes"]))
                else:
                    outer.questions.append(body)
                    keep = {"id": f"d{len(outer.questions)}", "action": "keep", "model": None, "ttl_s": 0}
                    self._send(201, keep | (decide(body) if decide else {}))

            def _send(self, status: int, told: dict[str, Any]) -> None:
                content = json.dumps(told).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("ETag", '"1"')
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, format: str, *args: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


def _all(sent: list[Any]) -> dict[str, Any]:
    """The answer that all of them were accepted."""
    return {"accepted": len(sent), "duplicates": 0, "conflicts": 0, "rejected": 0, "results": []}
