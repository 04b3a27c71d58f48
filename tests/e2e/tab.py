"""One browser tab that remembers everything that went wrong in it."""

from functools import cache
from pathlib import Path
from time import monotonic
from typing import Any

from playwright.sync_api import BrowserContext, Page, Response, Route

AXE_RULES = ("wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice")
_WATCH_POLICY = """document.addEventListener('securitypolicyviolation',
  event => (window.__csp = window.__csp || []).push(event.violatedDirective + ' ' + event.blockedURI))"""
_WIDTHS = """[document.documentElement.scrollWidth, window.innerWidth, [...document.querySelectorAll('main *')]
  .filter(element => element.getBoundingClientRect().right > window.innerWidth)
  .slice(0, 8).map(element => element.tagName + '.' + element.className)]"""
_TIMEOUT_MS = 10_000


@cache
def axe_source() -> str:
    """axe-core, run by the debugger and so not subject to the page's policy."""
    return (Path(__file__).parent / "axe.min.js").read_text()


class Tab:
    """A page with its console, its blocked requests and its policy violations."""

    def __init__(self, context: BrowserContext, url: str) -> None:
        self.url = url
        self.wrong: list[str] = []
        self.expected: list[str] = []
        self._axe_ran = False
        self._in_flight = 0
        context.set_default_timeout(_TIMEOUT_MS)
        context.route("**/*", self._keep_inside)
        context.add_init_script(_WATCH_POLICY)
        self.page: Page = context.new_page()
        self.page.on("console", lambda message: self._note(message.type, message.text))
        self.page.on("request", lambda _: self._count(1))
        self.page.on("requestfinished", lambda _: self._count(-1))
        self.page.on("requestfailed", lambda _: self._count(-1))
        self.page.on("pageerror", lambda error: self.wrong.append(f"error: {error}"))

    def _keep_inside(self, route: Route) -> None:
        if route.request.url.startswith((self.url, "data:")):
            route.continue_()
        else:
            self.wrong.append(f"outside request: {route.request.url}")
            route.abort()

    def _count(self, change: int) -> None:
        self._in_flight += change

    def _note(self, kind: str, text: str) -> None:
        if kind not in ("error", "warning") or any(words in text for words in self.expected):
            return
        # axe itself sets inline styles on what it looks at; what the page does is checked before it runs.
        if not (self._axe_ran and "inline style" in text):
            self.wrong.append(f"console {kind}: {text}")

    def goto(self, path: str) -> Response | None:
        """Opens an address of the installation."""
        self._axe_ran = False
        return self.page.goto(self.url + path)

    def expect(self, words: str) -> None:
        """Lets console lines with these words pass: the browser logs every 4xx answer."""
        self.expected.append(words)

    def assert_clean(self) -> None:
        """No policy violation, no console error or warning, no request to another host."""
        violations = self.page.evaluate("window.__csp || []") if not self._axe_ran else []
        wrong = [*violations, *self.wrong]
        assert not wrong, "\n".join([self.page.url, *wrong])

    def assert_accessible(self) -> None:
        """axe finds nothing. Policy and console are checked first, since axe disturbs both."""
        self.assert_clean()
        self._axe_ran = True
        self.page.evaluate(axe_source())
        found: Any = self.page.evaluate(
            "rules => axe.run(document, {runOnly: {type: 'tag', values: rules}})", list(AXE_RULES)
        )
        assert not found["violations"], "\n".join([self.page.url, *map(_summary, found["violations"])])

    def pause(self, milliseconds: int) -> None:
        """Lets a timer of the page run out."""
        self.page.wait_for_timeout(milliseconds)

    def close(self) -> None:
        """Leaves when nothing is on the way any more: tables are emptied next, and a request would be in between."""
        deadline = monotonic() + _TIMEOUT_MS / 1000
        while self._in_flight > 0 and monotonic() < deadline:
            self.pause(10)
        self.page.context.close()

    def wait_until(self, expression: str) -> None:
        """Waits for an expression to become true. Asked from outside: the page's policy forbids eval inside."""
        deadline = monotonic() + _TIMEOUT_MS / 1000
        while not self.page.evaluate(expression):
            assert monotonic() < deadline, f"{self.page.url}: never became true: {expression}"
            self.pause(15)

    def assert_fits(self) -> None:
        """The page does not scroll sideways. It is waited for: a text may be there before its style sheet."""
        self.page.wait_for_load_state()
        width, seen, wide = self.page.evaluate(_WIDTHS)
        assert width <= seen, f"{self.page.url} is {width} px wide in a window of {seen}: {wide}"


def _summary(violation: Any) -> str:
    nodes = "; ".join(f"{node['html'][:200]} {node['failureSummary']}" for node in violation["nodes"][:4])
    return f"{violation['id']}: {violation['help']} ({nodes})"
