"""What the person asks, without what was put around it.

Frameworks inject reminders, tool schemas and whole system prompts into messages, and people paste files. Words in
there say nothing of how hard the ask is, so they are measured and left out:

1. Only the head and the tail of a long message are looked at.
2. Blocks between tags that frameworks use (`<system-reminder>`, `<<SYS>>`, `<|im_start|>system`, …) are dropped, and
   so are such tags that nothing closes or opens.
3. Pasted payload is counted: blocks between tags of documents, fences, lines quoted with `>`, tool schemas in JSON.
4. An ask that is nothing but payload is read as it is: then the payload is the ask.

Every step takes time linear in the text: blocks are found with `str.find`, never by a backtracking expression.
"""

import re

import msgspec

_INJECTED = (
    "system-reminder", "system_reminder", "system", "system_prompt", "systemprompt", "instructions", "tools",
    "tool_schema", "tool_schemas", "available_tools", "functions", "environment_details", "environment_context",
    "user_info", "memories", "rules", "extras",
)  # fmt: skip
_PAYLOAD = ("document", "documents", "file", "file_content", "file_contents", "context", "attachment", "code", "log",
            "logs", "quote", "pasted", "search_results", "tool_result", "output", "stdout", "stderr")  # fmt: skip
_PAIRS = (("<<sys>>", "<</sys>>"), ("<|im_start|>system", "<|im_end|>"), ("<|system|>", "<|end|>"), ("<!--", "-->"))
_OPENING = re.compile(r"<([a-z][a-z_-]{1,30})(?=[ >])", re.IGNORECASE)
# Of tags that are one word of a sentence ("why does <system fail?") only whole ones; bounded, so that none is long.
_STRAY = re.compile(
    rf"</?(?:{'|'.join(_INJECTED + _PAYLOAD)})(?:[ /][^<>]{{0,200}})?>|<</?sys>>"
    r"|<\|im_start\|>(?:system|user|assistant|tool)?|<\|(?:im_end|system|user|assistant|end)\|>",
    re.IGNORECASE,
)
# What is left of a tag where the middle of a long message is cut out.
_LONGEST_CUT = 32
_CUT_OFF = re.compile(r"</?[a-z_-]*\Z", re.IGNORECASE)
_CUT_REST = re.compile(rf"(?:[a-z_/-]{{0,{_LONGEST_CUT}}}>)?", re.IGNORECASE)
_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\u200b-\u200f\u202a-\u202e\u2060-\u2064\ufeff]")
_ASCII_CONTROL = bytes(code for code in range(128) if _CONTROL.match(chr(code)))
_BLANKS = re.compile(r"[ \t\u00a0]{3,}")
_QUOTED_LINE = re.compile(r"^>.*$", re.MULTILINE)
_SCHEMA = re.compile(r'^[ \t]*[\[{][ \t\r\n]{0,80}[{"].*', re.MULTILINE)
_SCHEMA_WORDS = ('"parameters"', '"properties"', '"input_schema"', '"tool_name"')


class Stripped(msgspec.Struct, frozen=True):
    """`ask` is what is read; the rest is only measured, in characters."""

    ask: str
    payload_characters: int
    injected_characters: int
    fences: int
    total_characters: int


def strip(message: str, *, scan_characters: int) -> Stripped:
    """Separate the ask from what surrounds it, looking at no more than `scan_characters` of the message."""
    text = _ends(message, scan_characters)
    if _has_control(text):
        text = _CONTROL.sub("", text)
    if "   " in text or "\t" in text:
        text = _BLANKS.sub("  ", text)
    injected = payload = fences = 0
    if "<" in text:
        text, injected, payload = _without_tagged(text)
        kept = _STRAY.sub(" ", text)
        injected += max(0, len(text) - len(kept))
        text = kept
    if "```" in text:
        text, fenced, fences = _without_fences(text)
        payload += fenced
    if "\n>" in text or text.startswith(">"):
        kept = _QUOTED_LINE.sub("", text)
        payload += len(text) - len(kept)
        text = kept
    if any(word in text for word in _SCHEMA_WORDS):
        kept = _SCHEMA.sub("", text) if _is_one_line_schema(text) else text
        injected += len(text) - len(kept)
        text = kept
    outside = text.strip()
    if not outside and payload:
        outside = _ends(message, scan_characters).strip()
    return Stripped(outside, payload + max(0, len(message) - scan_characters), injected, fences, len(message))


def _has_control(text: str) -> bool:
    """Whether it has characters that show nothing; of plain ASCII that is told six times faster."""
    if text.isascii():
        return len(text.encode().translate(None, _ASCII_CONTROL)) != len(text)
    return _CONTROL.search(text) is not None


def _ends(message: str, most: int) -> str:
    """The message, or its head and its tail: what is asked stands first or last."""
    if len(message) <= most:
        return message
    tail = most // 4
    head, rest = message[: most - tail], message[len(message) - tail :]
    cut = _CUT_OFF.search(head, max(0, len(head) - _LONGEST_CUT))
    return f"{head[: cut.start()] if cut else head}\n{_CUT_REST.sub('', rest, count=1)}"


def _without_tagged(text: str) -> tuple[str, int, int]:
    """The text without blocks between known tags; how many characters were injected, how many were payload."""
    lower = text.lower()
    if len(lower) != len(text):  # a few letters grow in lower case; positions would not fit
        lower = text
    spans: list[tuple[int, int, bool]] = []
    for opening, closing in _PAIRS:
        spans += [(start, end, True) for start, end in _blocks(lower, opening, closing)]
    for name in {match.group(1) for match in _OPENING.finditer(lower)}:
        if name in _INJECTED or name in _PAYLOAD:
            spans += [(start, end, name in _INJECTED) for start, end in _blocks(lower, f"<{name}", f"</{name}>")]
    if not spans:
        return text, 0, 0
    kept, injected, payload, position = [], 0, 0, 0
    for start, end, is_injected in sorted(spans):
        if start >= position:
            kept.append(text[position:start])
        size = max(0, end - max(start, position))
        injected += size if is_injected else 0
        payload += 0 if is_injected else size
        position = max(position, end)
    kept.append(text[position:])
    return "\n".join(kept), injected, payload


def _blocks(text: str, opening: str, closing: str) -> list[tuple[int, int]]:
    """Where closed blocks lie. One that is never closed is no block: a person may write `<file` in a sentence."""
    found, position = [], 0
    while (start := text.find(opening, position)) >= 0:
        end = text.find(closing, start)
        if end < 0:
            break
        position = end + len(closing)
        found.append((start, position))
    return found


def _without_fences(text: str) -> tuple[str, int, int]:
    """The text without what stands between fences, an unclosed one included; its size, and how many there are."""
    parts = text.split("```")
    return "\n".join(parts[::2]), sum(map(len, parts[1::2])), len(parts) // 2


def _is_one_line_schema(text: str) -> bool:
    """Whether a line of JSON holds the words of a tool schema; a person's prose about one does not."""
    return any(word in line for line in _SCHEMA.findall(text) for word in _SCHEMA_WORDS)
