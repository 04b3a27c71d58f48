"""What a call is for, and for whom: the files and names on the stack tell, since Agent Zero has no word for it."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from types import FrameType
from typing import Any

# A piece of the asking file's path, and the task type.
_FILES = (
    ("_60_rename_chat", "rename_chat"),
    ("_50_recall_memories", "memory_recall"),
    ("_50_memorize", "memorize"),
    ("_51_memorize", "memorize"),
    ("/plugins/_memory/", "memory"),
    ("/helpers/history.py", "history_summary"),
    ("/plugins/_chat_compaction/", "compaction"),
    ("/plugins/_infection_check/", "safety_check"),
    ("document_query", "document_qa"),
    ("/plugins/_browser", "browser"),
)
_MAIN = "main_loop"
_DEPTH = 80


def task_type_of(path: str) -> str | None:
    """The task type of an asking file, None when it is not telling."""
    spelled = path.replace("\\", "/")
    if found := next((kind for piece, kind in _FILES if piece in spelled), None):
        return found
    return "tool" if spelled.split("/")[-2:-1] == ["tools"] else None


def task_type(role: str) -> str:
    """Who asks for the call under way; the agent's own loop when nobody else does."""
    found = next((kind for one in _frames() if (kind := task_type_of(one.f_code.co_filename))), None)
    return found or (_MAIN if role == "chat" else role)


def role_of(role: str, kind: str) -> str:
    """The browser uses the chat model, and is a role of its own."""
    return "browser" if (role, kind) == ("chat", "browser") else role


def asking_agent() -> Any | None:
    """The agent that a call under way is for, where one of the asking functions knows it."""
    for one in _frames():
        names = one.f_locals
        for found in (names.get("agent"), getattr(names.get("self"), "agent", None)):
            if hasattr(found, "context") and hasattr(found, "number"):
                return found
    return None


def _frames() -> Iterator[FrameType]:
    frame: FrameType | None = sys._getframe(1)
    for _ in range(_DEPTH):
        if frame is None:
            return
        yield frame
        frame = frame.f_back
