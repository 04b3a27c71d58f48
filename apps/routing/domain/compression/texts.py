"""Plain text made shorter: white space, repeated lines, and the sentences it consists of."""

import re
from collections.abc import Iterator

_BLANKS = re.compile(r"[ \t]+(?=\n|\Z)")
_EMPTY_LINES = re.compile(r"\n{3,}")
_FENCE = re.compile(r"```|~~~")
# Where a line ends, as str.splitlines has it, or a sentence.
_CUTS = re.compile(r"\r\n|[\n\r\v\f\x1c-\x1e\x85\u2028\u2029]|[.!?][ \t]+(?=[\"'(]?[A-Z0-9])")
MIN_REPEATED = 24
"""A line of fewer characters is left alone when it repeats: a brace, a rule, a bullet."""


def tidy(text: str) -> str:
    """Without white space at the ends of lines and with at most one empty line in a row."""
    # Most texts have neither, which is seen sooner than a search finds it.
    if " \n" in text or "\t" in text or text.endswith(" "):
        text = _BLANKS.sub("", text)
    return (_EMPTY_LINES.sub("\n\n", text) if "\n\n\n" in text else text).strip("\n")


def without_repeats(text: str) -> str:
    """Runs of one line become the line and how often it stood; other lines that stood before are dropped.

    Lines of code fences stay. Lines shorter than `MIN_REPEATED` stay.
    """
    lines = text.split("\n")
    long = [spelled for line in lines if len(spelled := line.strip()) >= MIN_REPEATED]
    if len(set(long)) == len(long):
        return text
    kept: list[str] = []
    seen: set[str] = set()
    in_code = False
    run = 0
    for line in lines:
        is_fence = bool(_FENCE.search(line))
        in_code ^= len(_FENCE.findall(line)) % 2 == 1
        spelled = line.strip()
        if in_code or is_fence or len(spelled) < MIN_REPEATED or spelled not in seen:
            if run:
                kept.append(f"(the line before stood {run + 1} times)")
            run = 0
            kept.append(line)
            seen.add(spelled)
        elif kept and kept[-1].strip() == spelled:
            run += 1
    if run:
        kept.append(f"(the line before stood {run + 1} times)")
    return "\n".join(kept)


def units(text: str) -> Iterator[tuple[str, bool]]:
    """The sentences and lines of a text in order, each with whether it may be taken out: code may not.

    Put together again they are the text.
    """
    if not _FENCE.search(text):
        start = 0
        for cut in _CUTS.finditer(text):
            yield text[start : cut.end()], True
            start = cut.end()
        if start < len(text):
            yield text[start:], True
        return
    in_code = False
    for line in text.splitlines(keepends=True):
        fences = len(_FENCE.findall(line))
        in_code ^= fences % 2 == 1
        if in_code or fences:
            yield line, False
        else:
            yield from units(line)
