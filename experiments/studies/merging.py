"""Ways to merge and to look for the merge weight, side by side: what each gains, and what it costs.

Organisations with skewed digits train alone; then every one tries the whole model of every other, with every
merge operator and every search for the weight. Ensembles, which keep both models, stand beside them. All ways
see the same models and the same validation examples; replicates are independent divisions of the data with
initial weights of their own.

Core Objects: compare_merging, measure_merging, merging_table
"""

import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from rich.table import Table

from agents.learning import Data, Fleet, Offered, Pairs, try_blocks
from agents.learning.networks.mlp import MLP
from agents.learning.operations.ensembles import AVERAGES, try_ensembles
from agents.learning.operations.weight_searches import WEIGHT_SEARCHES, GivenWeights, WeightSearch
from agents.learning.operations.weight_searches.grid import GridSearch
from agents.learning.operators import MERGE_OPERATORS, MergeOperator, Recipe
from agents.learning.training.optimisers import AdamW
from experiments.benchmarks.tables import save_table
from experiments.findings.statistics import interval
from experiments.reports.printed import wide_console
from markets.columns import Floats
from markets.refusals import require_least
from sim.config.data import DataConfig, load_examples
from sim.data.division import divide
from sim.laboratory.evidence import collect_evidence, shuffled
from sim.streams import Streams

Row = dict[str, float | int | str]
SEARCHES: dict[str, WeightSearch] = {
    "grid": GridSearch(least=0.05, most=0.95, count=10),
    **{name: WEIGHT_SEARCHES.build(name) for name in WEIGHT_SEARCHES if name != "grid"},
}
"""The grid is that of Huang, Vishwakarma and Sala (2023)."""
FINE = GridSearch(count=41)
WHOLE = GivenWeights((0.0, 1.0))
BATCH = 32


def compare_merging(
    organisations: int, epochs: int, replicates: int, seed: int, same_start: bool, output: Path | None
) -> None:
    """Print the comparison, and save it as ``merging.csv`` (a row a replicate) if a folder is given.

    Parameters
    ----------
    organisations : int
        Number of organisations N, >= 2; every ordered pair is one trial. Cost: N^2.
    epochs : int
        Passes over its data that each makes before the trials, >= 1.
    replicates : int
        How many independent repetitions, >= 2.
    seed : int
        Root of all random streams, >= 0.
    same_start : bool
        Whether the organisations of a replicate start from the same weights.
    output : Path or None
        Folder for the table; made if need be.

    Raises
    ------
    InputError
        If a number is not as described.
    """
    require_least(2, organisations=organisations, replicates=replicates)
    require_least(1, epochs=epochs)
    rows = measure_merging(organisations, epochs, replicates, seed, same_start)
    _show(merging_table(rows), same_start)
    save_table(output, "merging", rows)


def measure_merging(
    organisations: int, epochs: int, replicates: int, seed: int = 0, same_start: bool = False
) -> pd.DataFrame:
    """Return a row for each replicate, operator and search; arguments as for `compare_merging`.

    Columns: `passes`, forward passes that a plain trial takes beyond the buyer's own; `ms`, time a trial,
    alignment and evidence included; `before` and `loss`, mean validation loss without a merge and at the
    found weights; `gain`, their difference; `missed`, how much more the best of 41 weights would have gained.
    """
    streams = Streams(seed)
    rows = []
    for replicate in range(replicates):
        trials = _Trials(organisations, epochs, streams, replicate, same_start)
        rows += [{"replicate": replicate, **row} for row in trials.rows()]
    return pd.DataFrame(rows)


def merging_table(rows: pd.DataFrame) -> pd.DataFrame:
    """Return what `measure_merging` found, a row for each operator and search, gains with 95% intervals."""
    table = []
    for (operator, search), own in rows.groupby(["operator", "search"], sort=False):
        gain = interval(own["gain"])
        table.append(
            {
                "operator": operator,
                "search": search,
                "passes": int(own["passes"].iloc[0]),
                "ms": float(own["ms"].median()),
                "gain": gain.mean,
                "low": gain.low,
                "high": gain.high,
                "missed": float(own["missed"].mean()),
            }
        )
    return pd.DataFrame(table)


class _Trials:
    """Trained organisations of one replicate, and trials of every pair."""

    def __init__(
        self, organisations: int, epochs: int, streams: Streams, replicate: int, same_start: bool
    ) -> None:
        config = DataConfig(endowment="class_skew", kept=0.2)
        examples = load_examples(config)
        self.streams, self.replicate = streams, replicate
        self.parts = divide(examples, config, organisations, streams, replicate)
        self.inputs, self.labels = torch.as_tensor(examples.inputs), torch.as_tensor(examples.labels)
        architecture = MLP(widths=[64, 64]).for_task(examples.task)
        self.fleet = Fleet(architecture, organisations, AdamW(lr=0.005), "cpu")
        self.fleet.load(
            [
                architecture.initial(
                    streams.stream("initial weights", replicate, 0 if same_start else organisation)
                )
                for organisation in range(organisations)
            ]
        )
        everyone = np.arange(organisations)
        self.base = self.fleet.copy_of(everyone) if same_start else None
        for epoch in range(epochs):
            order = shuffled(self.parts.endowments, streams.stream("batches", replicate, epoch))
            self.fleet.train(everyone, Data(inputs=self.inputs, targets=self.labels, index=order), BATCH)
        self.pairs = Pairs.of(*np.array([(b, s) for b in everyone for s in everyone if b != s]).T)
        self.data = Data(
            inputs=self.inputs,
            targets=self.labels,
            index=self.parts.validation,
            group=np.zeros(len(self.pairs), dtype=np.int64),
        )

    def rows(self) -> Iterator[Row]:
        """Yield what each operator and each search found."""
        for name in MERGE_OPERATORS:
            operator = MERGE_OPERATORS.build(name)
            if not operator.refuses(self.fleet.architecture):
                yield from self._measured(name, partial(self._merged, operator), operator.weighted)
        for average in AVERAGES:
            yield from self._measured(f"ensemble of {average}", partial(self._kept, average), True)

    def _measured(self, name: str, losses: Callable[[WeightSearch], Floats], weighted: bool) -> Iterator[Row]:
        best = losses(FINE if weighted else WHOLE).min(axis=1)
        for search_name, search in SEARCHES.items() if weighted else [("none", WHOLE)]:
            start = time.perf_counter()
            loss = losses(search)
            seconds = time.perf_counter() - start
            found = loss.min(axis=1)
            yield {
                "operator": name,
                "search": search_name,
                "passes": search.evaluations - 1,
                "ms": 1e3 * seconds / len(found),
                "before": float(loss[:, 0].mean()),
                "loss": float(found.mean()),
                "gain": float((loss[:, 0] - found).mean()),
                "missed": float((found - best).mean()),
            }

    def _merged(self, operator: MergeOperator, search: WeightSearch) -> Floats:
        everyone = np.arange(self.fleet.slots)
        traders = [(self.replicate, 0, everyone, everyone)]
        endowments = {self.replicate: self.parts.endowments}
        known = collect_evidence(self.fleet, operator, traders, endowments, self.streams, self.inputs)
        base = self.base if operator.ancestral else None
        recipe = Recipe(operator=operator, own=known, offered=known, base=base)
        offered = Offered(leaves=self.fleet.copy_of(everyone), recipe=recipe)
        return try_blocks(self.fleet, offered, self.pairs, self.data, search).losses

    def _kept(self, average: str, search: WeightSearch) -> Floats:
        return try_ensembles(self.fleet, self.fleet.models, self.pairs, self.data, search, average)[1]


def _show(table: pd.DataFrame, same_start: bool) -> None:
    start = "the same" if same_start else "different"
    shown = Table(
        title=f"Merging whole models from {start} initial weights",
        caption="passes: forward passes a trial; ms: with alignment and evidence; "
        "gain: fall of the validation loss, nats; missed: what the best of 41 weights would have gained more",
    )
    for heading in ("operator", "search", "passes", "ms a trial", "gain", "95% interval", "missed"):
        shown.add_column(heading, justify="left" if heading in ("operator", "search") else "right")
    for row in table.itertuples():
        shown.add_row(
            str(row.operator),
            str(row.search),
            str(row.passes),
            f"{row.ms:.2f}",
            f"{row.gain:.4f}",
            f"{row.low:.4f} to {row.high:.4f}",
            f"{row.missed:z.4f}",
        )
    wide_console().print(shown)
