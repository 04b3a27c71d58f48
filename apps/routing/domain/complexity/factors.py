"""The named factors: each reads the ask, or what is known around it, and answers a value and its evidence.

Values lie between 0 and 1. Lexicons count distinct entries, so writing one word a thousand times adds nothing, and
what many entries add saturates.
"""

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from operator import itemgetter

import msgspec

from apps.routing.domain.complexity.asking import Ask, ConversationState
from apps.routing.domain.complexity.attached import without_attached
from apps.routing.domain.complexity.reading import Reading
from apps.routing.domain.complexity.stripping import Stripped

_FORMULA_SIGNS = ("\\", "$", "=", "<", "≤", "≥", "≠", "∑", "∫", "√", "^", "±", "×", "÷", "∀", "∃", "∈")
_CODE_SIGNS = ("()", "();", "{", "}", "::", "=>", "->", "</", "#include", "def ", ">>> ", "self.")
_TRADE_SIGNS = frozenset("\\^_{}=+*/<>|%°")
_UNITS = frozenset(("word", "words", "sentence", "sentences", "paragraph", "paragraphs", "page", "pages", "line",
                    "lines", "wörter", "sätze", "seiten", "mots", "palabras", "páginas"))  # fmt: skip
_LENGTH_ASKED = re.compile(
    r"\b(\d{1,5})[ -]?(words?|sentences?|paragraphs?|pages?|lines?|wörter|sätze|seiten|mots|pages|palabras|páginas)\b"
)
_TOKENS_PER = {"word": 1.3, "sentence": 25, "paragraph": 130, "page": 650, "line": 12}
_HOUSEKEEPING = frozenset((
    "rename_chat", "title", "title_generation", "summary", "summarize", "history_summary", "memory_recall", "memorize",
    "memory", "utility", "embedding", "compaction", "keyword_extraction", "classification",
))  # fmt: skip
_DEMANDING = frozenset(("code", "coding", "planning", "reasoning", "debugging", "research", "analysis"))


@dataclass(frozen=True)
class Look:
    """All that the factors look at."""

    ask: Ask
    state: ConversationState | None
    stripped: Stripped
    reading: Reading
    lexicons: "Lexicons"

    @cached_property
    def hits(self) -> dict[str, list[str]]:
        """The entries of every lexicon that the ask contains."""
        return self.lexicons.found(self.reading)

    @cached_property
    def stuffing(self) -> float:
        """1 for prose; less, down to 0, the more of a longer ask is nothing but words of the lexicons."""
        if self.reading.words < 12:
            return 1.0
        listed = set().union(*self.hits.values())
        share = sum(map(self.reading.counts.__getitem__, listed & self.reading.vocabulary)) / self.reading.words
        return min(1.0, max(0.0, (0.8 - share) / 0.4))


@dataclass(frozen=True)
class Lexicon:
    """Entries of one word, entries of several with the hashes of their pairs, and those of scripts without blanks."""

    words: frozenset[str]
    phrases: tuple[tuple[str, frozenset[int]], ...]
    unspaced: tuple[str, ...]


class Lexicons:
    """All lexicons, looked through at once: what an ask has of all their entries, then whose entries those are."""

    def __init__(self, lexicons: Mapping[str, Lexicon]) -> None:
        self._names = tuple(lexicons)
        self._of_word: dict[str, list[str]] = {}
        # Phrases by one of their pairs: most asks have none of them, and then nothing is looked at.
        self._by_pair: dict[int, list[tuple[int, str, str, frozenset[int]]]] = {}
        for name, lexicon in lexicons.items():
            for word in lexicon.words:
                self._of_word.setdefault(word, []).append(name)
            for place, (entry, pairs) in enumerate(lexicon.phrases):
                self._by_pair.setdefault(min(pairs), []).append((place, name, entry, pairs))
        self._words, self._pairs = frozenset(self._of_word), frozenset(self._by_pair)
        self._unspaced = tuple((name, entry) for name, lexicon in lexicons.items() for entry in lexicon.unspaced)

    def found(self, reading: Reading) -> dict[str, list[str]]:
        """The entries of each lexicon that the ask contains: words by the alphabet, then phrases in their order."""
        hits: dict[str, list[str]] = {name: [] for name in self._names}
        said = self._words.intersection(reading.vocabulary)  # quicker than `&`, which goes over all that are known
        if not reading.text.isascii():
            said |= without_attached(reading.vocabulary, self._words)
        for word in sorted(said):
            for name in self._of_word[word]:
                hits[name].append(word)
        if begun := self._pairs & reading.pairs:
            phrases = [phrase for pair in begun for phrase in self._by_pair[pair] if phrase[3] <= reading.pairs]
            for _, name, entry, _ in sorted(phrases, key=itemgetter(0)):
                hits[name].append(entry)
        if reading.unspaced_characters:
            for name, entry in self._unspaced:
                if entry in reading.lower:
                    hits[name].append(entry)
        return hits


class Reasoned(msgspec.Struct, frozen=True):
    """What a factor found."""

    value: float
    evidence: str


def reasoning_depth(look: Look) -> Reasoned:
    """Words of reasoning, sub-questions and formulas."""
    words = look.hits["reasoning"]
    questions = look.reading.count("?", "？")
    formulas = look.reading.count(*_FORMULA_SIGNS)
    amount = look.stuffing * len(words) + 0.5 * max(0, min(questions, 6) - 1) + 0.25 * min(formulas, 12)
    told = [_quoted(words), _count(questions, "question") if questions > 1 else "", _count(formulas, "formula sign")]
    return Reasoned(_saturating(amount, 2.5), _joined(told))


def tool_chaining(look: Look) -> Reasoned:
    """Distinct actions asked for and the steps between them; tools that are only offered do not count."""
    actions, order = look.hits["actions"], look.hits["sequence"]
    steps = min(look.reading.listed_steps, 12)
    amount = look.stuffing * (max(0, len(actions) - 1) + 0.5 * len(order)) + 0.4 * steps
    used = look.state.tools_used if look.state else 0
    amount += 0.3 * min(used, 10)
    told = [_quoted(actions), _quoted(order), _count(steps, "listed step"), f"{used} tools used so far" if used else ""]
    return Reasoned(_saturating(amount, 4.0), _joined(told))


def code_generation(look: Look) -> Reasoned:
    """Words and signs of programs, code that was pasted, and a declared task of coding."""
    words = look.hits["code"]
    signs = min(look.reading.count(*_CODE_SIGNS), 12)
    declared = (look.ask.task_type or "").lower() in ("code", "coding", "debugging")
    amount = look.stuffing * len(words) + 0.4 * signs + min(look.stripped.fences, 3) + (2 if declared else 0)
    told = [_quoted(words), _count(signs, "sign", " of code"), _count(look.stripped.fences, "fenced block"),
            "declared task" if declared else ""]  # fmt: skip
    return Reasoned(_saturating(amount, 3.0), _joined(told))


def creativity(look: Look) -> Reasoned:
    """From 0, a question of fact, over 0.5, neither, to 1, a creative text."""
    creative, factual = look.hits["creative"], look.hits["factual"]
    pull = _saturating(len(creative), 1.5) - _saturating(len(factual), 1.5)
    told = [_quoted(creative, "creative: "), _quoted(factual, "factual: ")]
    return Reasoned(0.5 + 0.5 * look.stuffing * pull, _joined(told))


def response_length(look: Look) -> Reasoned:
    """How long the answer will be: as declared, as asked for, as it was before, or as the words suggest."""
    expected = look.ask.expected_output_tokens
    if expected is not None:
        return Reasoned(_log_share(expected, 8_000), f"{expected:,} tokens declared")
    asked = 0.0 if _UNITS.isdisjoint(look.reading.vocabulary) else _asked_length(look.reading.lower)
    if asked:
        return Reasoned(_log_share(asked, 8_000), f"about {asked:,.0f} tokens asked for")
    mean = look.state.output_tokens_mean if look.state else None
    long, short = look.hits["long_answer"], look.hits["short_answer"]
    base = _log_share(mean, 8_000) if mean else 0.5
    pull = 0.4 * look.stuffing * (_saturating(len(long), 1.5) - _saturating(len(short), 1.5))
    told = [f"{mean:,.0f} tokens an answer so far" if mean else "", _quoted(long, "long: "), _quoted(short, "short: ")]
    return Reasoned(min(1.0, max(0.0, base + pull)), _joined(told))


def constraint_density(look: Look) -> Reasoned:
    """How many conditions the answer has to meet at once."""
    words = look.hits["constraint"]
    listed = min(look.reading.listed_steps, 10)
    numbers = min(sum(map(str.isdigit, look.reading.vocabulary)), 20)
    amount = look.stuffing * len(words) + 0.3 * listed + 0.1 * numbers
    told = [_quoted(words), _count(listed, "listed condition"), _count(numbers, "distinct number")]
    return Reasoned(_saturating(amount, 4.0), _joined(told))


def domain_rarity(look: Look) -> Reasoned:
    """The share of long words and of signs: the language of a trade."""
    reading = look.reading
    long = sorted([word for word in reading.vocabulary if len(word) > 9 and word.isalpha()])
    long.sort(key=len, reverse=True)
    share = len(long) / max(8.0, float(len(reading.vocabulary)))
    text = reading.text
    signs = sum([text.count(sign) for sign in _TRADE_SIGNS if sign in text]) / max(80, len(text))
    return Reasoned(min(1.0, 2.5 * share + 5 * signs), _joined([_quoted(long), f"{signs:.0%} signs" if signs else ""]))


def ask_size(look: Look) -> Reasoned:
    """How long the ask itself is, without what was pasted."""
    size = look.reading.size
    return Reasoned(_log_share(size, 2_000), f"{size:,.0f} words")


def context_volume(look: Look) -> Reasoned:
    """How much has to be read: what was pasted, or the declared input."""
    pasted = look.stripped.payload_characters // 4
    tokens = max(look.ask.input_tokens or 0, pasted)
    value = max(0.0, _log_share(tokens, 200_000) - 0.5) * 2
    told = [f"{look.ask.input_tokens:,} tokens declared" if look.ask.input_tokens else "",
            f"about {pasted:,} tokens pasted" if pasted else ""]  # fmt: skip
    return Reasoned(value, _joined(told))


def conversation_state(look: Look) -> Reasoned:
    """Failures and retries so far: what did not work is harder than it looks."""
    failures = (look.state.failures if look.state else 0) + look.ask.failed_attempts
    retries = look.state.retries if look.state else 0
    told = [_count(failures, "failed attempt"), _count(retries, "retry", plural="retries")]
    return Reasoned(_saturating(failures + 0.5 * retries, 1.5), _joined(told))


def declared_task(look: Look) -> Reasoned:
    """From 0, housekeeping that the agent declared, over 0.5, to 1, work that is known to be demanding."""
    names = {(look.ask.task_type or "").lower(), (look.ask.role or "").lower()} - {""}
    for name in sorted(names):
        if name in _HOUSEKEEPING:
            return Reasoned(0.0, f"{name} is housekeeping")
    for name in sorted(names):
        if name in _DEMANDING:
            return Reasoned(1.0, f"{name} is demanding")
    return Reasoned(0.5, ", ".join(sorted(names)))


def small_talk(look: Look) -> Reasoned:
    """Greetings and thanks that ask for nothing."""
    size = look.reading.size
    words = look.hits["small_talk"]
    if not words or size > 8:
        return Reasoned(0.0, "")
    return Reasoned(min(1.0, len(words) / max(1.0, size) * 1.5), _quoted(words))


def continuation(look: Look) -> Reasoned:
    """How much the ask merely lets the agent go on; it then is as hard as what went before."""
    size = look.reading.size
    words = look.hits["go_on"]
    if not look.reading.tokens:
        return Reasoned(1.0, "nothing asked")
    if not words or size > 10:
        return Reasoned(0.0, "")
    return Reasoned(min(1.0, 1.5 * len(words) / max(1.0, size)), _quoted(words))


FACTORS: Mapping[str, Callable[[Look], Reasoned]] = {
    find.__name__: find
    for find in (
        reasoning_depth, tool_chaining, code_generation, creativity, response_length, constraint_density,
        domain_rarity, ask_size, context_volume, conversation_state, declared_task, small_talk,
    )
}  # fmt: skip


def _asked_length(lower: str) -> float:
    """Tokens of an answer whose length is asked for, the greatest when there are several."""
    asked = 0.0
    for number, unit in _LENGTH_ASKED.findall(lower):
        per = next((tokens for name, tokens in _TOKENS_PER.items() if unit.startswith(name[:4])), 1.3)
        asked = max(asked, int(number) * per)
    return asked


def _saturating(amount: float, half: float) -> float:
    """0 for nothing, a half at `half`, and never quite 1."""
    return amount / (amount + half)


def _log_share(amount: float, most: float) -> float:
    return min(1.0, math.log1p(max(0.0, amount)) / math.log1p(most))


def _quoted(words: list[str], label: str = "") -> str:
    if not words:
        return ""
    more = f" and {len(words) - 4} more" if len(words) > 4 else ""
    return label + ", ".join(words[:4]) + more


def _count(number: int, noun: str, rest: str = "", plural: str | None = None) -> str:
    if not number:
        return ""
    return f"{number} {noun if number == 1 else plural or noun + 's'}{rest}"


def _joined(told: list[str]) -> str:
    return "; ".join([part for part in told if part])
