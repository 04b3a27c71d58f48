"""What the dashboard benchmark measures over HTTP: a large download, and a filter click in a real browser."""

import http.client
import math
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psutil

from benchmarks import ingest
from benchmarks.processes import children

CHROMIUM = Path(os.environ.get("CHROMIUM", "/usr/bin/chromium"))
ARGUMENTS = ["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"]
MEGABYTE = 1024 * 1024
# Two frames after htmx has settled and the chart was drawn, it is on the screen.
CLICK = """selector => new Promise(resolve => {
  const begin = performance.now();
  const painted = () => requestAnimationFrame(() => requestAnimationFrame(() => resolve(performance.now() - begin)));
  document.addEventListener("htmx:afterSettle", painted, {once: true});
  document.querySelector(selector).click(); })"""
FILTER = "th .named a[href*='model=']"
CLEAR = "[role=group][aria-label=Filters] a"


@contextmanager
def served() -> Iterator[psutil.Process]:
    """The product with one worker; yields that worker."""
    with ingest.web_server({**os.environ, "WEB_CONCURRENCY": "1"}, 1) as pid:
        yield psutil.Process(children(pid)[0])


def download(worker: psutil.Process, session: str, *, per_day: float, rows: int = 100_000) -> tuple[int, float, float]:
    """Fetch a CSV of at least so many records: its lines, seconds to the first byte, and how much the worker grew."""
    last = datetime.now(UTC).date() - timedelta(days=2)
    first = last - timedelta(days=math.ceil(rows / per_day) - 1)
    _get("/?period=30d", session).read()
    _get(f"/explore/records?from={last}&to={last}", session).read()
    before, most, done = worker.memory_info().rss, 0, threading.Event()

    def watch() -> None:
        nonlocal most
        while not done.wait(0.01):
            most = max(most, worker.memory_info().rss)

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        begin = time.perf_counter()
        answer = _get(f"/explore/records.csv?from={first}&to={last}", session)
        lines = answer.read(1).count(b"\n")
        started = time.perf_counter() - begin
        while piece := answer.read(1 << 16):
            lines += piece.count(b"\n")
    finally:
        done.set()
        watcher.join()
    return lines, started, max(0, most - before) / MEGABYTE


def clicks(session: str, times: int) -> list[float]:
    """Milliseconds from a click to the painted chart: on a model of the Overview's table, then on its filter's chip.

    Raises RuntimeError where there is no Chromium.
    """
    if not CHROMIUM.exists():
        raise RuntimeError(f"Chromium is not at {CHROMIUM}: set CHROMIUM")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=ARGUMENTS)
        context = browser.new_context(viewport={"width": 1280, "height": 900}, reduced_motion="reduce")
        context.add_cookies([{"name": "sessionid", "value": session, "url": f"http://127.0.0.1:{ingest.PORT}"}])
        page = context.new_page()
        page.goto(f"http://127.0.0.1:{ingest.PORT}/?period=30d")
        found = [_click(page, selector) for _ in range(times + 1) for selector in (FILTER, CLEAR)]
        browser.close()
    return found[2:]


def _click(page: Any, selector: str) -> float:
    page.wait_for_selector(selector)
    took: float = page.evaluate(CLICK, selector)
    return took


def _get(path: str, session: str) -> http.client.HTTPResponse:
    connection = http.client.HTTPConnection("127.0.0.1", ingest.PORT, timeout=120)
    connection.request("GET", path, headers={"Cookie": f"sessionid={session}"})
    answer = connection.getresponse()
    if answer.status != 200:
        raise RuntimeError(f"{path} answered {answer.status}")
    return answer
