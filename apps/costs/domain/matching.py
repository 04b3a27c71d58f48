"""Rules that say which names mean a model, and what keeps them from meaning another one.

A rule is plain data, as price lists write it: `{"equals": t}`, `{"starts_with": t}`, `{"ends_with": t}`,
`{"contains": t}`, `{"regex": t}`, `{"or": [rules]}`, `{"and": [rules]}`. Names are compared in lower case.

`starts_with` and `contains` alone would give deepseek-r1-distill-llama-70b the price of deepseek-r1. So what follows
the text must be marks of a version (a date, `latest`, `preview`, `v2:0`, `128k`) and what comes before it must end
with a separator; a name that goes on otherwise is another model's, and stays unpriced until someone says its price.
"""

import re
from collections.abc import Callable
from datetime import date
from typing import Any

Rule = dict[str, Any]
Predicate = Callable[[str], bool]

_VERSION_TAIL = re.compile(
    r"(?:[-@:._/ ]*(?:(?<=:)\d+k|v?\d+|latest|default|preview|exp|experimental|beta|stable|nightly|snapshot|instruct"
    r"|\d{1,2}[a-z]{3}\d{2,4})(?=[-@:._/ ]|$))*[-@:._/ ]*"
)
_FURTHER_VERSION = re.compile(r"[-.]\d{1,2}(?!\d)")
_CUT_VERSION = re.compile(r"-0\d?$")
_COMPACT_DATE = re.compile(r"-(20\d{2})(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])(?=-|:|$)")
_ANY_DATE_TAIL = re.compile(r"[-@](20\d{2})-?(0[1-9]|1[0-2])-?(0[1-9]|[12]\d|3[01])$")


def compile_rule(rule: Rule) -> Predicate:
    """A predicate over names in lower case.

    Raises ValueError for a rule that is none of the seven kinds, re.error for a broken regular expression.
    """
    if len(rule) != 1:
        raise ValueError(f"a rule has one kind, got {sorted(rule)}")
    ((kind, value),) = rule.items()
    match kind:
        case "or":
            predicates = [compile_rule(part) for part in value]
            return lambda name: any(predicate(name) for predicate in predicates)
        case "and":
            predicates = [compile_rule(part) for part in value]
            return lambda name: all(predicate(name) for predicate in predicates)
        case "regex":
            pattern = re.compile(value)
            return lambda name: pattern.search(name) is not None
    text = str(value).lower()
    match kind:
        case "equals":
            return lambda name: name == text
        case "starts_with":
            return lambda name: name.startswith(text) and _is_version_tail(text, name[len(text) :])
        case "ends_with":
            return lambda name: name.endswith(text) and _is_separated(name[: len(name) - len(text)], text)
        case "contains":
            return lambda name: _contains(name, text)
    raise ValueError(f"no kind of rule is called {kind!r}")


def aliases(rule: Rule) -> list[str]:
    """The names, in lower case, that the rule means by plain equality."""
    if "equals" in rule:
        return [str(rule["equals"]).lower()]
    return [alias for part in rule.get("or", ()) for alias in aliases(part)]


def beyond_aliases(rule: Rule) -> Rule | None:
    """What is left of the rule without its plain equalities; None when that is nothing."""
    if "equals" in rule:
        return None
    if "or" not in rule:
        return rule
    parts = [rest for part in rule["or"] if (rest := beyond_aliases(part)) is not None]
    return {"or": parts} if parts else None


def stems(rule: Rule) -> list[str]:
    """The texts, in lower case, that names meant by the rule begin or end with or contain."""
    ((kind, value),) = rule.items()
    if kind in ("or", "and"):
        return [stem for part in value for stem in stems(part)]
    return [] if kind == "regex" else [str(value).lower()]


def with_dashed_date(name: str) -> str | None:
    """`gpt-5.2-20251211` as `gpt-5.2-2025-12-11`, as proxies and price lists write it; None without such a date."""
    dashed = _COMPACT_DATE.sub(lambda found: _dashed(found) or found[0], name)
    return None if dashed == name else dashed


def without_date(name: str) -> str | None:
    """The name of the model of which this is a dated snapshot; None when the name ends with no date."""
    found = _ANY_DATE_TAIL.search(name)
    return name[: found.start()] if found and _dashed(found) else None


def _dashed(found: re.Match[str]) -> str | None:
    try:
        return f"-{date(int(found[1]), int(found[2]), int(found[3])).isoformat()}"
    except ValueError:
        return None


def _contains(name: str, text: str) -> bool:
    start = name.find(text)
    return start >= 0 and _is_separated(name[:start], text) and _is_version_tail(text, name[start + len(text) :])


def _is_separated(head: str, text: str) -> bool:
    return not head or not head[-1].isalnum() or not text[0].isalnum()


def _is_version_tail(text: str, tail: str) -> bool:
    # A fine-tuned model is named by its owner after a colon: anything may follow that.
    if text.endswith(".ft-"):
        return True
    if text.startswith("ft:"):
        tail, _, _ = tail.partition(":")
        return not tail or (text[-1] == "-" or not tail[0].isalnum()) and _VERSION_TAIL.fullmatch(tail) is not None
    # A text may end within a version that begins with 0: gemini-2.0-flash-0 means gemini-2.0-flash-001.
    cut = _CUT_VERSION.search(text)
    if cut and tail[:1].isdigit():
        text, tail = text[: cut.start()], cut[0] + tail
    # The price of claude-opus-4-5 is not that of a claude-opus-4-55, and grok-4 is neither grok-4.5 nor grok-4-5.
    if text[-1].isdigit() and _FURTHER_VERSION.match(tail):
        return False
    if tail and tail[0].isalnum() and text[-1].isalnum():
        return False
    return _VERSION_TAIL.fullmatch(tail) is not None
