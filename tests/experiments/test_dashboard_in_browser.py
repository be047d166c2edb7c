"""The dashboard as it is used: served by its command, and clicked at in a headless browser."""

import os
import re
import shutil
import sys
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace

import pytest

from experiments.command_line.cli import main
from experiments.teaching.dashboard import pictures
from experiments.teaching.dashboard.recordings import read_recording
from tests.experiments.browser import api, browser, needs_chromium
from tests.experiments.forked import forked

solara = pytest.importorskip("solara", reason="needs solara: pip install -e '.[dashboard]'")
pytestmark = [needs_chromium, pytest.mark.heavy, pytest.mark.xdist_group("browser")]

TINY = ("device=cpu", "organisations=2", "rounds=3", "replicates=1", "data.examples=300", "run.figures=false")
TABS = {
    "Market": "Prices and efficiency",
    "Models": "Accuracy by class, after this round",
    "Welfare": "Who gains from the market",
    "Network": "Who buys from whom",
    "The round": "1. Train",
}


def linked(source, target):
    """Copy a file as a further name of it where the file system can."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    """The dashboard with one recorded run, and a browser in which its first page is open.

    Its assets are a copy, since some tests try to have them deleted. Pictures are coarse.
    """
    runs = tmp_path_factory.mktemp("runs")
    assert main(["run", *TINY, f"hydra.run.dir={runs}/tiny"]) == 0
    assets = tmp_path_factory.mktemp("assets") / "cdn"
    shutil.copytree(Path(sys.prefix) / "share/solara/cdn", assets, copy_function=linked)
    asked = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(solara.server.settings.assets, "proxy_cache_dir", assets)
        patch.setattr(pictures, "DPI", 40)
        server = forked("dashboard", "--port", "0", "--runs", str(runs))
        with server as command, browser(asked) as open_page:
            url = re.search(r"http://127\.0\.0\.1:\d+/", command.stdout.readline())[0]
            home = open_page(url)
            yield SimpleNamespace(
                open_page=open_page, home=home, url=url, asked=asked, runs=runs, assets=assets
            )
            assert command.stop() == 130
            told = command.stderr.read()
    assert "Traceback" not in told
    assert told.strip().endswith("parabourse: stopped.")


@pytest.fixture
def dashboard(served):
    """The same, where `visit` opens a page of it, which is closed when the test ends."""
    opened = []

    def visit(path="", beside=served.home):
        opened.append(served.open_page(served.url + path, beside=beside))
        return opened[-1]

    def again():
        """Return the page that is open already, at its start."""
        reset = served.home.get_by_role("button", name="Reset", exact=True, disabled=False)
        reset.click()
        shows(served.home, "Who owns which examples")
        return served.home

    yield SimpleNamespace(**vars(served), visit=visit, again=again)
    for page in opened:
        page.close()


def press(page, name):
    page.get_by_role("button", name=name, exact=True).click()


def choose(page, label, option, which=0):
    """Choose an option of the control with a label."""
    page.locator(".v-select", has_text=label).nth(which).click()
    page.locator(".menuable__content__active").get_by_text(option, exact=True).click()


def step_after_a_change(page, text):
    """Press Step until a text is there: a click while a new market is being prepared may be lost."""
    wanted = page.get_by_text(text).first
    for _ in range(5):
        press(page, "Step")
        with suppress(api.TimeoutError):
            wanted.wait_for(timeout=10_000)
            return
    wanted.wait_for()


def shows(page, text):
    page.get_by_text(text).first.wait_for()


def accuracies(page):
    """Return the accuracy that each world on the page tells."""
    return re.findall(r"Mean accuracy on test data is ([\d.]+)%", page.inner_text("body"))


def test_step_play_and_reset(dashboard):
    page = dashboard.again()
    press(page, "Step")
    shows(page, "1. Train")
    first = accuracies(page)
    press(page, "▶")
    # Played on its own, a round may be over before the browser has shown it.
    shows(page, re.compile(r"Round ([3-9]|\d\d+) of"))
    press(page, "❚❚")
    page.get_by_role("button", name="Step", exact=True, disabled=False).wait_for()
    for tab, passage in TABS.items():
        page.get_by_role("tab", name=tab, exact=True).last.click()
        shows(page, passage)
        page.wait_for_function("[...document.images].every(i => i.complete && i.naturalWidth > 0)")
    press(page, "Reset")
    shows(page, "Who owns which examples")
    press(page, "Step")
    shows(page, "1. Train")
    assert accuracies(page) == first


def test_change_of_mechanism_and_what_does_not_go_together(dashboard):
    page = dashboard.visit()
    step_after_a_change(page, "Every block is an auction of its own.")
    choose(page, "Venue", "books")
    shows(page, "Who owns which examples")
    step_after_a_change(page, "One call market a position")
    choose(page, "Mechanism", "mcafee")
    step_after_a_change(page, "McAfee")
    page.get_by_label("Seed").fill("-1")
    page.get_by_label("Seed").press("Enter")
    shows(page, "Seed must be a whole number from 0; got -1.")
    assert page.get_by_text("These choices do not go together").count() == 0
    choose(page, "Venue", "listings")
    choose(page, "Mechanism", "rsop")
    shows(page, "These choices do not go together: broker.licence must be one of copy")
    choose(page, "Licence", "copies for everybody")
    shows(page, "nobody competes for a block")
    page.get_by_label("Seed").fill("1")
    page.get_by_label("Seed").press("Enter")
    shows(page, "Who owns which examples")


def test_comparison_of_two_rules_on_the_same_seed(dashboard):
    page = dashboard.visit("compare")
    press(page, "Step")
    shows(page, "1. Train")
    titles = page.locator("h2").all_inner_texts()
    assert titles == ["second price, competitive", "k double auction, competitive"]
    trained = page.locator(".passage", has_text="1. Train").all_inner_texts()
    assert len(trained) == 2
    assert trained[0] == trained[1]
    press(page, "Step")
    shows(page, "Round 2 of 2")
    left, right = accuracies(page)
    assert left != right


def test_two_sessions_do_not_disturb_each_other(dashboard):
    one, other = dashboard.again(), dashboard.visit(beside=None)
    press(one, "Step")
    shows(one, "1. Train")
    press(one, "Step")
    shows(one, "Round 2 of 2")
    shows(other, "Who owns which examples")
    choose(other, "Mechanism", "first_price")
    shows(other, "a winner pays what it bid")
    step_after_a_change(other, "1. Train")
    press(one, "Step")
    shows(one, "Round 3 of 3")
    assert other.get_by_text("Round 2").count() == 0
    assert one.get_by_text("second_price").count() == 1


def test_replay_of_a_recorded_run(dashboard):
    chronicle = read_recording(dashboard.runs / "tiny", "competitive", 0)
    told = [f"{100 * chronicle.at(number)['rounds']['test_accuracy'].iloc[0]:.1f}" for number in (1, 2, 3)]
    page = dashboard.visit("replay")
    shows(page, "Round 3 of 3")
    assert accuracies(page) == told[2:]
    page.get_by_role("slider").focus()
    page.keyboard.press("ArrowLeft")
    shows(page, f"Mean accuracy on test data is {told[1]}%")
    shows(page, "Round 2 of 3")
    assert accuracies(page) == [told[1]]
    choose(page, "Arm", "autarky")
    shows(page, "2. No market this round")


def test_nobody_can_delete_the_assets(dashboard):
    def files():
        return sorted(str(path) for path in dashboard.assets.rglob("*") if path.is_file())

    before = files()
    assert len(before) > 300
    page = dashboard.home
    folders = [path.relative_to(dashboard.assets).as_posix() for path in dashboard.assets.glob("@*/*")]
    assert "@widgetti/solara-vuetify-app@10.1.1" in folders
    # Another website's image is refused, and what the dashboard itself asks for is a file or not there.
    elsewhere = {"Sec-Fetch-Site": "same-site", "Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "image"}
    for path in (
        *folders,
        *(f"{folder}/dist" for folder in folders),
        "@widgetti",
        "",
        "vue",
        "none@1.0.0/x.js",
    ):
        asset = f"{dashboard.url}_solara/cdn/{path}"
        assert page.request.get(asset, headers=elsewhere).status == 403
        assert page.request.get(asset).status == 404
        assert page.evaluate("url => fetch(url).then(answer => answer.status)", asset) == 404
    assert page.request.get(f"{dashboard.url}_solara/cdn/requirejs@2.3.6/require.js").status == 200
    assert files() == before


def test_no_request_leaves_the_machine(dashboard):
    page = dashboard.again()
    own = (dashboard.url, dashboard.url.replace("http", "ws"), "data:", "blob:")
    assert len(dashboard.asked) > 20
    assert [url for url in dashboard.asked if not url.startswith(own)] == []
    # And if a page wanted to, the browser would refuse.
    assert "connect-src 'self';" in page.request.get(dashboard.url).headers["content-security-policy"]
