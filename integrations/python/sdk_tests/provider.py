"""A small provider on this machine: speaks as OpenAI and Anthropic do, whole and in streams, and fails when told to."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

OPENAI_USAGE = {
    "prompt_tokens": 1200,
    "completion_tokens": 300,
    "total_tokens": 1500,
    "prompt_tokens_details": {"cached_tokens": 800, "audio_tokens": 0},
    "completion_tokens_details": {"reasoning_tokens": 100, "audio_tokens": 0},
}
RESPONSES_USAGE = {
    "input_tokens": 1200,
    "output_tokens": 300,
    "total_tokens": 1500,
    "input_tokens_details": {"cached_tokens": 800},
    "output_tokens_details": {"reasoning_tokens": 100},
}
ANTHROPIC_USAGE = {
    "input_tokens": 200,
    "cache_read_input_tokens": 800,
    "cache_creation_input_tokens": 200,
    "cache_creation": {"ephemeral_5m_input_tokens": 150, "ephemeral_1h_input_tokens": 50},
    "output_tokens": 300,
    "service_tier": "priority",
}
WORDS = ["Hello", " there", "."]


@dataclass
class Provider:
    """What was asked, and what to answer instead of an answer: statuses, `"hang"`, `"cut"` (a stream that breaks),
    `"failed"` (a response that says so)."""

    port: int = 0
    asked: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    next: list[int | str] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def paths(self) -> list[str]:
        return [path for path, _ in self.asked]


def chat(body: dict[str, Any]) -> dict[str, Any]:
    message = {"role": "assistant", "content": "".join(WORDS)}
    choice = {"index": 0, "message": message, "finish_reason": "stop", "logprobs": None}
    return {"id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": f"{body['model']}-2025-04-14",
            "choices": [choice], "usage": OPENAI_USAGE, "service_tier": "default"}  # fmt: skip


def chat_chunks(body: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any] | str]]:
    base = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": f"{body['model']}-2025-04-14"}
    asked = (body.get("stream_options") or {}).get("include_usage")
    extra: dict[str, Any] = {"usage": None} if asked else {}
    for word in WORDS:
        choice = {"index": 0, "delta": {"role": "assistant", "content": word}, "finish_reason": None}
        yield "", {**base, **extra, "choices": [choice]}
    yield "", {**base, **extra, "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}
    if asked:
        yield "", {**base, "choices": [], "usage": OPENAI_USAGE}
    yield "", "[DONE]"


def response(body: dict[str, Any], status: str = "completed") -> dict[str, Any]:
    text = {"type": "output_text", "text": "".join(WORDS), "annotations": []}
    message = {"type": "message", "id": "m1", "role": "assistant", "status": "completed", "content": [text]}
    done = status == "completed"
    error = {"code": "server_error", "message": "no"} if status == "failed" else None
    return {"id": "resp-1", "object": "response", "created_at": 1, "status": status, "model": body["model"],
            "error": error, "output": [message] if done else [], "parallel_tool_calls": True,
            "tool_choice": "auto", "tools": [], "usage": RESPONSES_USAGE if done else None}  # fmt: skip


def response_events(body: dict[str, Any], end: str = "completed") -> Iterator[tuple[str, dict[str, Any] | str]]:
    created = {"type": "response.created", "sequence_number": 0, "response": response(body, "in_progress")}
    yield "response.created", created
    item = {"type": "message", "id": "m1", "role": "assistant", "status": "in_progress", "content": []}
    yield "response.output_item.added", {"type": "response.output_item.added", "sequence_number": 1,
                                         "output_index": 0, "item": item}  # fmt: skip
    text = {"type": "output_text", "text": "", "annotations": []}
    yield "response.content_part.added", {"type": "response.content_part.added", "sequence_number": 2, "item_id": "m1",
                                          "output_index": 0, "content_index": 0, "part": text}  # fmt: skip
    for number, word in enumerate(WORDS, 3):
        delta = {"type": "response.output_text.delta", "sequence_number": number, "item_id": "m1", "output_index": 0,
                 "content_index": 0, "delta": word, "logprobs": []}  # fmt: skip
        yield "response.output_text.delta", delta
    yield f"response.{end}", {"type": f"response.{end}", "sequence_number": 9, "response": response(body, end)}


def message(body: dict[str, Any]) -> dict[str, Any]:
    return {"id": "msg-1", "type": "message", "role": "assistant", "model": body["model"], "stop_reason": "end_turn",
            "stop_sequence": None, "content": [{"type": "text", "text": "".join(WORDS)}],
            "usage": ANTHROPIC_USAGE}  # fmt: skip


def message_events(body: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any] | str]]:
    start = {**message(body), "content": [], "stop_reason": None, "usage": {**ANTHROPIC_USAGE, "output_tokens": 1}}
    yield "message_start", {"type": "message_start", "message": start}
    block = {"type": "text", "text": ""}
    yield "content_block_start", {"type": "content_block_start", "index": 0, "content_block": block}
    for word in WORDS:
        delta = {"type": "text_delta", "text": word}
        yield "content_block_delta", {"type": "content_block_delta", "index": 0, "delta": delta}
    yield "content_block_stop", {"type": "content_block_stop", "index": 0}
    for count in (200, 300):
        yield "message_delta", {"type": "message_delta", "delta": {"stop_reason": "end_turn", "stop_sequence": None},
                                "usage": {"output_tokens": count}}  # fmt: skip
    yield "message_stop", {"type": "message_stop"}


def embeddings(body: dict[str, Any]) -> dict[str, Any]:
    one = {"object": "embedding", "index": 0, "embedding": [0.1, 0.2]}
    usage = {"prompt_tokens": 8, "total_tokens": 8}
    return {"object": "list", "data": [one], "model": body["model"], "usage": usage}


WHOLE = {"/chat/completions": chat, "/responses": response, "/embeddings": embeddings, "/v1/messages": message}
STREAMS = {"/chat/completions": chat_chunks, "/responses": response_events, "/v1/messages": message_events}


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    provider: Provider

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        path = self.path.partition("?")[0]
        self.provider.asked.append((path, body))
        fault = self.provider.next.pop(0) if self.provider.next else None
        if fault == "hang":
            time.sleep(1.0)
        if isinstance(fault, int):
            error = {"type": "error", "error": {"type": "e", "message": "no", "code": "context_length_exceeded"}}
            self._whole(error if fault == 400 else {"error": {"message": "no", "type": "e"}}, fault)
        elif fault == "failed":
            # A response can fail after its request was answered with 200.
            if body.get("stream"):
                self._stream(response_events(body, "failed"), cut=False)
            else:
                self._whole(response(body, "failed"), 200)
        elif body.get("stream"):
            self._stream(STREAMS[path](body), cut=fault == "cut")
        else:
            self._whole(WHOLE[path](body), 200)

    def _whole(self, body: dict[str, Any], status: int) -> None:
        content = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def _stream(self, events: Iterator[tuple[str, dict[str, Any] | str]], *, cut: bool) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for number, (name, data) in enumerate(events):
            if cut and number == 2:
                self.close_connection = True
                return
            text = data if isinstance(data, str) else json.dumps(data)
            line = (f"event: {name}\n" if name else "") + f"data: {text}\n\n"
            self.wfile.write(f"{len(line.encode()):x}\r\n{line}\r\n".encode())
            self.wfile.flush()
        self.wfile.write(b"0\r\n\r\n")

    def log_message(self, *_: Any) -> None:
        """Quiet."""


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_: Any) -> None:
        """Clients that leave a stream are what these tests are about."""


@contextmanager
def providing() -> Iterator[Provider]:
    """Run the provider for the block."""
    provider = Provider()
    server = Server(("127.0.0.1", 0), type("Bound", (Handler,), {"provider": provider}))
    provider.port = server.server_port
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    try:
        yield provider
    finally:
        server.shutdown()
        server.server_close()
