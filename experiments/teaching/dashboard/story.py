"""A chronicle on a page: tabs, and the passages of the tab that is open."""

# ruff: noqa: N802 - components are named as Solara names its own.

from collections.abc import Sequence
from html import escape

import solara

from experiments.teaching.dashboard.chronicle import Chronicle
from experiments.teaching.dashboard.passages import Passage
from experiments.teaching.dashboard.pictures import as_png
from experiments.teaching.dashboard.views import VIEWS, before_the_first_round

CSS = """
.records { overflow-x: auto; }
.records::-webkit-scrollbar { height: 9px; background: #eee; }
.records::-webkit-scrollbar-thumb { background: #999; border-radius: 4px; }
.beside .records table { font-size: 0.66rem; }
.beside .records th, .beside .records td { padding: 2px 1px; }
.beside .records th { max-width: 5em; line-height: 1.3; }
.beside .records th:first-child { overflow-wrap: anywhere; }
.current { padding: 0 8px; color: #555; }
.hint { display: none; }
.records table { border-collapse: collapse; font-size: 0.9rem; }
.records th { text-align: right; vertical-align: bottom; padding: 2px 10px; max-width: 9em; }
.records td { text-align: right; padding: 2px 10px; border-top: 1px solid #ddd; white-space: nowrap; }
@media (max-width: 600px) {
  .records th, .records td { padding: 2px 5px; }
  .hint { display: inline; }
  .v-navigation-drawer { min-width: 0 !important; width: 88vw !important; }
}
.passage img { width: 100%; max-width: 800px; }
.passage p { max-width: 46em; margin-bottom: 8px; }
"""


@solara.component
def Story(chronicles: Sequence[Chronicle], titles: Sequence[str], played: int) -> None:
    """Show one chronicle, or several side by side, with the same tab and round open in all.

    Parameters
    ----------
    chronicles : sequence of Chronicle
        Of the same number of rounds.
    titles : sequence of str
        What each is called; shown where there are several.
    played : int
        Rounds in each: an argument, for chronicles grow without being other objects.
    """
    tab = solara.use_reactive(0)
    looked_at = solara.use_reactive(0)  # 0: whatever round is the newest
    if played == 0:
        for passage in before_the_first_round(chronicles[0]):
            Told(passage, 0)
        return
    number = looked_at.value or played
    with solara.lab.Tabs(value=tab):
        for name in VIEWS:
            solara.lab.Tab(name)
    if played > 1:
        solara.SliderInt(
            f"Round {number} of {played}",
            value=number,
            min=1,
            max=played,
            on_value=lambda chosen: looked_at.set(0 if chosen == played else chosen),
        )
    view = list(VIEWS.values())[tab.value]
    width = 12 // len(chronicles)
    with solara.ColumnsResponsive(default=[12], large=[width] * len(chronicles)):
        for chronicle, title in zip(chronicles, titles, strict=True):
            with solara.Column(gap="0px", classes=["beside"] * (len(chronicles) > 1)):
                if len(chronicles) > 1:
                    solara.HTML(tag="h2", unsafe_innerHTML=escape(title))
                for passage in view(chronicle, number):
                    Told(passage, number).key(passage.title)


@solara.component
def Told(passage: Passage, number: int) -> None:
    """Show one passage of a round."""
    image = solara.use_memo(
        lambda: None if passage.draw is None else as_png(passage.draw), [passage.title, number]
    )
    with solara.Card(passage.title, margin=1, classes=["passage"]):
        solara.HTML(tag="p", unsafe_innerHTML=escape(passage.text))
        if passage.table is not None:
            solara.HTML(unsafe_innerHTML=passage.table.to_html(index=False, border=0), classes=["records"])
        if image is not None:
            solara.Image(image)
