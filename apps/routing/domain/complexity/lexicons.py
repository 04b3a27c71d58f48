"""Words that speak for a factor, in the languages people ask in.

An entry that is one plain word is looked up among the words of the ask; one with a blank, a sign or a letter of a
script without blanks is looked for in its text. Each entry counts once, however often it is written. Words of Arabic
and Hebrew are found with what is written in one with them (`attached`).
"""

from collections.abc import Mapping

from apps.routing.domain.complexity.more_languages import MORE
from apps.routing.domain.complexity.reading import lowered

_TEXTS = {
    "reasoning": """
        why prove proof derive deduce infer explain analyse analyze analysis evaluate assess compare contrast justify
        debug diagnose investigate optimise optimize optimal tradeoff tradeoffs trade-off trade-offs strategy algorithm
        theorem lemma hypothesis implications reasoning architect architecture design refactor estimate prioritise
        prioritize reconcile plan decide critique
        root cause|step by step|pros and cons|what if|in depth|edge case|edge cases|worst case|under what
        warum beweise beweisen erkläre analysiere vergleiche begründe pourquoi expliquer explique démontrer analyser
        comparer demuestra explica analiza compara razona perché dimostra spiega analizza confronta prove explique
        почему докажи объясни сравни проанализируй
        为什么|证明|分析|比较|解释|なぜ|証明|説明|比較|分析して|왜|증명|설명|비교
        """,
    "actions": """
        search browse open download upload install run execute deploy commit push fetch scrape crawl send email save
        schedule read write create delete rename move copy query call click navigate book restart configure monitor
        update convert extract import export test build
        suche öffne installiere ausführen sende lade cherche ouvre installe exécute envoie télécharge busca abre instala
        ejecuta envía descarga cerca apri installa esegui invia scarica найди открой установи запусти отправь скачай
        搜索|下载|安装|运行|发送|検索|実行して|インストール|送信|검색|실행|설치
        """,
    "sequence": """
        then afterwards next finally first second third subsequently
        after that|and then|once done|when done|for each|one by one|step 1|step 2
        danach dann anschließend zuerst ensuite puis enfin después luego primero poi infine затем потом сначала
        然后|接着|最后|首先|次に|その後|最後に|그런 다음|먼저
        """,
    "code": """
        code function class method python javascript typescript java rust golang sql regex script bash shell html css
        react django api endpoint compile compiler bug stacktrace traceback exception unittest unit-test repository repo
        git dockerfile docker kubernetes yaml json schema database migration query refactor implement implementation
        async thread mutex pointer recursion loop array dict struct variable import def return lambda
        stack trace|null pointer|pull request|unit test|merge conflict
        funktion programmiere quelltext fonction código función funzione codice функция код
        代码|函数|コード|関数|코드|함수
        """,
    "creative": """
        poem poetry story haiku song lyrics novel essay slogan joke limerick screenplay dialogue metaphor imagine
        brainstorm creative invent fictional tagline persuasive blog rewrite roleplay
        gedicht geschichte poème histoire poema cuento poesia racconto стих рассказ
        诗|故事|詩|物語|시를|이야기
        """,
    "factual": """
        who when where which capital population define definition name
        what is|what was|what year|how many|how much|how old|how far|how tall
        wer wann wo welche welcher qui quand où quel quelle quién cuándo dónde cuál chi quando dove quale кто когда где
        谁|什么时候|哪里|誰|いつ|どこ|누구|언제|어디
        """,
    "long_answer": """
        detailed comprehensive thorough essay report article chapter tutorial documentation extensive exhaustive
        in detail|full implementation|complete guide|write a long|at length|paragraphs|pages
        ausführlich détaillé detallado dettagliato подробно
        详细|詳しく|자세히
        """,
    "short_answer": """
        briefly short concise tldr tl;dr summarise summarize true false yes/no
        one word|one sentence|in brief|yes or no|just the|only the|single word|single number|true or false
        kurz bref brièvement breve brevemente кратко
        简短|簡潔|간단히
        """,
    "constraint": """
        must only exactly without except unless least most format valid ensure avoid never always required requirement
        requirements constraint constraints limit limited maximum minimum between compatible strictly respectively
        at least|at most|no more than|make sure|do not|don't|such that|as well as|in the form|subject to
        muss nur genau ohne mindestens höchstens doit seulement sans exactement debe solo sin exactamente deve soltanto
        senza должен только без ровно
        必须|只能|不要|至少|必ず|だけ|ないで|반드시|만
        """,
    "go_on": """
        yes yep yeah ok okay sure continue proceed go ahead again retry next more please
        ja weiter mach oui continue vas-y sí sigue continúa adelante sim avanti sì continua да продолжай
        yes please|go on|go ahead|do it|keep going|sounds good|looks good|go for it
        继续|好的|是的|続けて|はい|お願い|계속|네
        """,
    "small_talk": """
        hi hello hey thanks thank thx bye goodbye morning evening cheers welcome great nice cool lol
        hallo danke tschüss bonjour merci salut hola gracias adiós ciao grazie привет спасибо
        你好|谢谢|こんにちは|ありがとう|안녕|감사
        """,
}


def _entries(text: str) -> frozenset[str]:
    found: set[str] = set()
    for line in text.strip().splitlines():
        found.update(entry.strip() for entry in line.split("|")) if "|" in line else found.update(line.split())
    return frozenset(found)


def _more(name: str) -> frozenset[str]:
    """The entries of the languages that are kept by language."""
    return frozenset(lowered(entry.replace("_", " ")) for texts in MORE.values() for entry in texts[name].split())


DEFAULT_LEXICONS: Mapping[str, frozenset[str]] = {name: _entries(text) | _more(name) for name, text in _TEXTS.items()}
