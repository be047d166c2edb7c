"""A headless browser that watches what it is made to ask for; for tests of pages."""

import shutil
from contextlib import contextmanager

import pytest

api = pytest.importorskip("playwright.sync_api", reason="needs playwright: pip install -e '.[test]'")
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--renderer-process-limit=1",
    "--disable-features=SpareRendererForSitePerProcess",
]
STILL = """
const sheet = new CSSStyleSheet();
sheet.replaceSync("*, *::before, *::after { animation: none !important; transition: none !important; }");
document.adoptedStyleSheets = [sheet];
"""
"""What moves is drawn anew sixty times a second."""
needs_chromium = pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium: apt-get install chromium")


@contextmanager
def browser(asked):
    """Yield a function that opens a page of somebody new; addresses that pages ask for go to `asked`.

    With `beside`, the page is a further tab of the owner of that other page, who has the scripts already.
    """
    with api.sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)

        def visit(url, width=1280, beside=None):
            whose = (
                beside.context if beside else chromium.new_context(viewport={"width": width, "height": 900})
            )
            page = whose.new_page()
            page.add_init_script(STILL)
            page.set_default_timeout(120_000)
            page.on("request", lambda request: asked.append(request.url))
            page.on("websocket", lambda socket: asked.append(socket.url))
            page.goto(url)
            return page

        yield visit
        chromium.close()
