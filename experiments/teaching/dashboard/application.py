"""The pages of the dashboard and their addresses; ``parabourse dashboard`` serves them."""

from collections.abc import Sequence

import solara

from experiments.teaching.dashboard.pages import ComparisonPage, MarketPage, ReplayPage


@solara.component
def Layout(children: Sequence[solara.Element] = ()) -> None:  # noqa: N802 - named as Solara names its own
    """Put a page into the application's frame; on a telephone its controls are closed at first."""
    solara.AppLayout(children=list(children), sidebar_open=None)


routes = [
    solara.Route("/", component=MarketPage, layout=Layout, label="Market"),
    solara.Route("compare", component=ComparisonPage, label="Compare"),
    solara.Route("replay", component=ReplayPage, label="Replay"),
]
