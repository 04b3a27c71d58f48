"""System prompts: what a conversation makes no use of, help for tools it never called and examples. Rules stay."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

_HEADING = re.compile(r"(#{1,6})[ \t]+(.*)")
_FENCE = re.compile(r"\s*(?:```|~~~)")
_NAME = re.compile(r"`?([A-Za-z][\w.-]*)`?(?:\([^)]*\))?:?")
_TOOL = re.compile(r"(?:tool|function)s?\b:?\s*`?([A-Za-z][\w.-]*)`?(?:\([^)]*\))?:?", re.IGNORECASE)
_EXAMPLE = re.compile(r"(?:usage |more |few[- ]shot )?examples?(?: (?:of )?usages?| \d+)?:?|usage:?", re.IGNORECASE)
_LABEL = re.compile(r"(?:\*\*|__)?(?:usage |for )?examples?(?: (?:of )?usages?| \d+)?:?(?:\*\*|__)?:?", re.IGNORECASE)
_RULES = re.compile(
    r"\b(?:must|never|always|do not|don['’]t|only|important|required?|forbidden|allowed)\b", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class Section:
    """Lines of a prompt from a heading to before the next one of its level or above."""

    level: int
    title: str
    start: int
    end: int


def without_unused_tools(text: str, is_used: Callable[[str], bool]) -> tuple[str, list[str]]:
    """A prompt without the help of tools that were not used, and their names, which are told in the place of the first.

    Help for a tool is a section whose heading is the tool's name, as `### memory_load:` or `## Tool: browser`; one
    word alone is a name only with an underscore, a dot or a pair of brackets. Lines that state a rule, in words such as
    must, never or only, stay with their heading.
    """
    lines = text.split("\n")
    names: list[str] = []
    gone: set[int] = set()
    for section in _sections(lines):
        name = _tool_of(section.title)
        if name and section.start not in gone and not is_used(name):
            names.append(name)
            gone.update(_without_rules(lines, section.start, section.end))
    if not names:
        return text, []
    first = min(gone)
    lines[first] = f"(help left out, ask for it by name: {', '.join(dict.fromkeys(names))})"
    return "\n".join(line for number, line in enumerate(lines) if number == first or number not in gone), names


def without_examples(text: str) -> tuple[str, list[str]]:
    """A prompt without its examples, and their first lines: sections called so, and fenced blocks under such a label.

    Lines that state a rule outside of a fence stay.
    """
    lines = text.split("\n")
    gone: set[int] = set()
    names: list[str] = []
    for section in _sections(lines):
        if _EXAMPLE.fullmatch(section.title) and section.start not in gone:
            gone.update(_without_rules(lines, section.start, section.end))
            names.append(lines[section.start].strip())
    for start, end in _labelled(lines):
        if start not in gone:
            gone.update(range(start, end))
            names.append(lines[start].strip())
    return "\n".join(line for number, line in enumerate(lines) if number not in gone), names


def _without_rules(lines: list[str], start: int, end: int) -> set[int]:
    """The places of lines that may go: all but those that state a rule outside of a fence, and then the heading."""
    gone: set[int] = set()
    in_code = False
    for number in range(start + 1, end):
        is_fence = bool(_FENCE.match(lines[number]))
        in_code ^= is_fence
        if in_code or is_fence or not _RULES.search(lines[number]):
            gone.add(number)
    return gone | {start} if len(gone) == end - start - 1 else gone


def _sections(lines: list[str]) -> Iterator[Section]:
    heads: list[tuple[int, str, int]] = []
    in_code = False
    for number, line in enumerate(lines):
        in_code ^= bool(_FENCE.match(line))
        if not in_code and (head := _HEADING.fullmatch(line.rstrip())):
            heads.append((len(head[1]), head[2].strip(" #*"), number))
    nearest = [len(lines)] * 7
    found: list[Section] = []
    for level, title, start in reversed(heads):
        found.append(Section(level, title, start, min(nearest[1 : level + 1])))
        nearest[level] = start
    yield from reversed(found)


def _tool_of(title: str) -> str | None:
    if found := _TOOL.fullmatch(title):
        return found[1]
    named = _NAME.fullmatch(title)
    if named and (any(sign in named[1] for sign in "_.") or "(" in title):
        return named[1]
    return None


def _labelled(lines: list[str]) -> Iterator[tuple[int, int]]:
    """Fenced blocks directly below a line that calls them examples, with that line."""
    for number, line in enumerate(lines[:-1]):
        if not _LABEL.fullmatch(line.strip()):
            continue
        start = number + 1
        while start < len(lines) and not lines[start].strip():
            start += 1
        if start == len(lines) or not _FENCE.match(lines[start]):
            continue
        end = next((place for place in range(start + 1, len(lines)) if _FENCE.match(lines[place])), None)
        if end is not None:
            yield number, end + 1
