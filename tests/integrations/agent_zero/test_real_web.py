"""The plugin in Agent Zero's own pages, in Chromium, with a real Bursar: line, thumbs, switcher, settings."""

import json
import os
import re
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, Route, expect, sync_playwright

from controlplane.launch.places import BASE_DIR
from tests.e2e.tab import axe_source
from tests.integrations.agent_zero.provider import Answer, Provider, say, tool
from tests.integrations.agent_zero.tree import NEEDS_TREE, PYTHON, USAGE, Zero, is_main, zero
from tests.proofs.installation import Installation, free_port, installation

__all__ = ["zero"]
CHROMIUM = os.environ.get("CHROMIUM", "/usr/bin/chromium")
pytestmark = [
    *NEEDS_TREE,
    pytest.mark.skipif(not Path(CHROMIUM).exists(), reason=f"there is no Chromium at {CHROMIUM}"),
]
# Version 1.7 fetches it from elsewhere, and does not start without it.
BOOTSTRAP = """const quiet = () => new Proxy(function () {}, {
  get: (_, name) => name === 'then' ? undefined : quiet(), apply: quiet, construct: quiet });
window.bootstrap = quiet();"""
LIMIT_MS, USUAL_MS = 30_000, 5_000
"""On a busy machine Agent Zero's pages take their time."""


def play(body: dict[str, Any], _: int) -> Answer:
    if not is_main(body):
        return Answer("A title", usage=USAGE)
    wants_strong = "Switch to the strong one." in json.dumps(body["messages"]) and body["model"] != "strong-model"
    return Answer(
        tool("switch_model", to="Strong", reason="It is hard.") if wants_strong else say("Done."), usage=USAGE
    )


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Installation]:
    with installation(tmp_path / "bursar") as place:
        command = [sys.executable, "-m", "tests.integrations.agent_zero.prepare"]
        subprocess.run(command, env=place.web.environment, cwd=BASE_DIR, check=True, timeout=120)
        yield place


@pytest.fixture
def page(zero: Zero, place: Installation) -> Iterator[Page]:
    """Agent Zero's page, with a real Bursar behind the plugin."""
    zero.configure(base_url=f"http://127.0.0.1:{place.web.port}", api_key=place.key, route=False)
    port, provider = free_port(), Provider(play)
    zero.open.append(provider)
    server = subprocess.Popen(
        [PYTHON, str(Path(__file__).with_name("serve.py")), str(port)],
        cwd=zero.copy,
        env=zero.environment(provider),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    url = f"http://127.0.0.1:{port}/"

    def inside(route: Route) -> None:
        if route.request.url.startswith(url):
            route.continue_()
        else:
            is_script = route.request.resource_type == "script"
            route.fulfill(
                body=BOOTSTRAP if is_script else "", content_type="text/javascript" if is_script else "text/css"
            )

    try:
        wait_for(url, server)
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--headless", "--no-sandbox"])
            context = browser.new_context(viewport={"width": 1280, "height": 900})
            context.set_default_timeout(LIMIT_MS)
            context.route("**/*", inside)
            page = context.new_page()
            page.goto(url)
            expect.set_options(timeout=LIMIT_MS)
            yield page
            expect.set_options(timeout=USUAL_MS)
            browser.close()
    finally:
        server.terminate()
        server.wait(20)


def wait_for(url: str, server: "subprocess.Popen[bytes]") -> None:
    """Raises TimeoutError."""
    deadline = time.monotonic() + 90
    while time.monotonic() < deadline and server.poll() is None:
        try:
            with urllib.request.urlopen(url, timeout=5):
                return
        except OSError:
            time.sleep(0.2)
    raise TimeoutError("Agent Zero's web server does not answer")


def say_to(page: Page, text: str) -> None:
    # While a turn goes on the page keeps what is typed, and waits to be told to send it.
    page.wait_for_function("!globalThis.Alpine.store('chats').selectedContext.running")
    page.fill("#chat-input", text)
    page.locator("#chat-input").press("Enter")


def test_a_chat_shows_what_it_cost_and_takes_a_thumb(page: Page, place: Installation) -> None:
    wrong: list[str] = []
    page.on("console", lambda said: wrong.append(said.text) if said.type == "error" and "ursar" in said.text else None)
    page.on("pageerror", lambda error: wrong.append(str(error)) if "ursar" in str(error) else None)
    page.locator("#newChat >> visible=true").first.click()
    page.wait_for_function("globalThis.getContext?.() && globalThis.Alpine.store('chats').selectedContext")

    say_to(page, "Hello.")

    line = page.locator(".bursar-parts")
    expect(line).to_contain_text(re.compile(r"Last turn \S+ · [\d,]+ tokens"))
    expect(line).to_contain_text(re.compile(r"Each chat \S+ of \$0\.40"))
    chat = page.evaluate("globalThis.getContext()")
    assert line.locator("a").get_attribute("href") == f"http://127.0.0.1:{place.web.port}/c/default/{chat}"

    thumb = page.locator(".action-thumb_up")
    expect(thumb).to_have_count(1)
    page.locator(".message-agent-response").last.hover()
    thumb.click()
    expect(thumb).to_have_attribute("aria-pressed", "true")

    say_to(page, "Switch to the strong one.")
    expect(page.locator(".model-switcher-label")).to_contain_text("Strong")
    expect(page.locator(".action-thumb_up")).to_have_count(2)
    assert page.locator(".action-thumb_up").first.get_attribute("aria-pressed") == "true"
    told = ask(place, f"conversations/{chat}")
    assert [task["success"] for task in told["tasks"]].count(True) >= 1
    assert told["cost_usd"] != "0.00"

    page.evaluate(axe_source())
    found = page.evaluate("axe.run('.bursar-line', {runOnly: ['wcag2a', 'wcag2aa', 'wcag21aa']})")
    assert [one["id"] for one in found["violations"]] == []
    assert wrong == []


def test_the_settings_show_what_holds(page: Page) -> None:
    page.locator("button[title*=Plugin] >> visible=true").or_(
        page.locator("[aria-label=Plugins] >> visible=true")
    ).first.click()
    page.locator(".plugin-card button:has-text('Config') >> visible=true").first.click()

    labels = {"Ask which model to use": False, "Also for utility calls": True, "Shorter prompts": False}
    for label, is_on in labels.items():
        expect(page.get_by_label(label, exact=True)).to_be_checked(checked=is_on)
    expect(page.get_by_label("Name of this agent")).to_have_value("agent-zero")
    expect(page.get_by_label("Key")).to_have_attribute("type", "password")


def ask(place: Installation, path: str) -> Any:
    """What the API says."""
    url = f"http://127.0.0.1:{place.web.port}/api/{path}"
    with urllib.request.urlopen(urllib.request.Request(url, headers={"Authorization": f"Bearer {place.key}"})) as got:
        return json.load(got)
