"""What a call is for: the file that asks tells, since Agent Zero has no word for it."""

from __future__ import annotations

import sys

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
_DEPTH = 40


def task_type_of(path: str) -> str | None:
    """The task type of an asking file, None when it is not telling."""
    spelled = path.replace("\\", "/")
    if found := next((kind for piece, kind in _FILES if piece in spelled), None):
        return found
    return "tool" if spelled.split("/")[-2:-1] == ["tools"] else None


def task_type(role: str) -> str:
    """Who asks for the call under way; the agent's own loop when nobody else does."""
    frame = sys._getframe(1)
    for _ in range(_DEPTH):
        if (found := task_type_of(frame.f_code.co_filename)) is not None:
            return found
        if frame.f_back is None:
            break
        frame = frame.f_back
    return _MAIN if role == "chat" else role
