"""Ways to merge adapters of one language model, side by side: what each leaves of the loss.

A base of random weights first learns a language, a chain of tokens. Organisations then have adapters of it
that learn dialects: in each, some tokens are followed by others than in the language. Every organisation
tries the adapters of every other on text in all dialects, at a grid of weights. All ways see the same
adapters and the same text; replicates are languages, bases and adapters of their own.

Core Objects: compare_adapters, measure_adapters, adapters_table
"""

import importlib.util
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn

from agents.learning import Data, Fleet, Offered, Pairs, try_blocks
from agents.learning.alignment.base import Alignment, Unaligned
from agents.learning.alignment.weight_matching import WeightMatching
from agents.learning.networks.module_modes import quietly
from agents.learning.networks.own_module import ModuleArchitecture
from agents.learning.operations.weight_searches.grid import GridSearch
from agents.learning.operators import MergeOperator, Recipe
from agents.learning.operators.interpolation import Interpolation
from agents.learning.operators.lora_svd import LoraSvd, factors_of
from agents.learning.stack.parameters import Parameters
from agents.learning.tasks import NextToken
from agents.learning.training.optimisers import AdamW
from experiments.benchmarks.tables import print_table, save_table
from experiments.findings.statistics import interval, paired_interval
from markets.columns import Floats, Ints
from markets.refusals import InputError, require_least
from sim.laboratory.evidence import shuffled
from sim.streams import Streams

TOKENS, LENGTH, WIDTH, LAYERS, HEADS = 16, 16, 32, 2, 4
"""The language model: vocabulary, length of a text, and the size of its network."""
SENTENCES, HELD_OUT, BASE_STEPS, BATCH = 128, 120, 200, 32
"""Texts an organisation owns; texts on which trials are made; steps and texts by which the base learns."""
SPARSITY, PROPER = 0.2, 0.5
"""Dirichlet's parameter, the smaller the fewer tokens may follow; share of tokens that a dialect changes."""
SEARCH = GridSearch(count=11)
BOUND = "cat"
WAYS: dict[str, tuple[MergeOperator, Alignment]] = {
    "factors": (Interpolation(), WeightMatching()),
    "factors, unaligned": (Interpolation(), Unaligned()),
    "svd": (LoraSvd(), Unaligned()),
}
"""Those of a market; beside them stand ``linear`` of peft, and ``cat``, of twice the rank."""


def compare_adapters(
    organisations: int,
    epochs: int,
    replicates: int,
    seed: int,
    same_start: bool,
    rank: int,
    output: Path | None,
) -> None:
    """Print the comparison, and save it as ``adapters.csv`` (a row a replicate and way) if a folder is given.

    Parameters
    ----------
    organisations, epochs, replicates, seed, same_start, output
        As of `experiments.studies.merging.compare_merging`.
    rank : int
        Of the adapters, >= 1.

    Raises
    ------
    InputError
        If a number is not as described, or the libraries are not installed.
    """
    require_least(2, organisations=organisations, replicates=replicates)
    require_least(1, epochs=epochs, rank=rank)
    if missing := [one for one in ("peft", "transformers") if importlib.util.find_spec(one) is None]:
        raise InputError(
            f"--adapters needs {' and '.join(missing)}, not installed here: "
            "pip install 'parabourse[language]'"
        )
    rows = measure_adapters(organisations, epochs, replicates, seed, same_start, rank)
    _show(adapters_table(rows), rank, same_start)
    save_table(output, "adapters", rows)


def measure_adapters(
    organisations: int, epochs: int, replicates: int, seed: int = 0, same_start: bool = False, rank: int = 4
) -> pd.DataFrame:
    """Return a row for each replicate and way; arguments as for `compare_adapters`.

    Columns: `before` and `loss`, mean loss on text in all dialects, nats a token, without a merge and at the
    best of the weights 0, 0.1, ..., 1; `gain`, their difference; `weight`, the mean best weight.
    """
    streams = Streams(seed)
    rows = []
    for replicate in range(replicates):
        trials = _Adapters(organisations, epochs, streams, replicate, same_start, rank)
        rows += [{"replicate": replicate, **row} for row in trials.rows()]
    return pd.DataFrame(rows)


def adapters_table(rows: pd.DataFrame) -> pd.DataFrame:
    """Return what `measure_adapters` found, a row a way: gains, and what they lack to those of ``cat``."""
    gains = {way: own["gain"].to_numpy() for way, own in rows.groupby("way")}
    table = []
    for way, own in rows.groupby("way", sort=False):
        gain, less = interval(own["gain"]), paired_interval(gains[way], gains[BOUND])
        table.append(
            {
                "way": way,
                "loss": own["loss"].mean(),
                "weight": own["weight"].mean(),
                **{"gain": gain.mean, "gain_low": gain.low, "gain_high": gain.high},
                **{"less": less.mean, "less_low": less.low, "less_high": less.high},
            }
        )
    return pd.DataFrame(table)


class _Adapters:
    """Adapters of one replicate, each trained on a dialect."""

    def __init__(
        self, organisations: int, epochs: int, streams: Streams, replicate: int, same_start: bool, rank: int
    ) -> None:
        rng = streams.stream("language", replicate)
        language = _chain(rng)
        self.base = _base(language, rng)
        dialects = [_dialect(language, rng) for _ in range(organisations)]
        owned = [_texts(own, SENTENCES, rng) for own in dialects]
        tried = [_texts(own, HELD_OUT // organisations, rng) for own in dialects]
        texts = torch.from_numpy(np.concatenate(owned + tried))
        self.inputs, self.targets = texts[:, :-1], texts[:, 1:]
        self.index = np.arange(organisations * SENTENCES, len(texts))[None]
        self.rank = rank
        architecture = self._architecture(rank)
        self.fleet = Fleet(architecture, organisations, AdamW(lr=0.005), "cpu")
        starts = [0 if same_start else one for one in range(organisations)]
        self.fleet.load(
            [architecture.initial(streams.stream("initial weights", replicate, one)) for one in starts]
        )
        endowments = list(np.arange(organisations * SENTENCES).reshape(organisations, SENTENCES))
        everyone = np.arange(organisations)
        for epoch in range(epochs):
            order = shuffled(endowments, streams.stream("batches", replicate, epoch))
            self.fleet.train(everyone, Data(self.inputs, self.targets, order), BATCH)
        self.pairs = Pairs.of(*np.array([(b, s) for b in everyone for s in everyone if b != s]).T)
        self.data = Data(self.inputs, self.targets, self.index, np.zeros(len(self.pairs), np.int64))

    def rows(self) -> Iterator[dict[str, Any]]:
        """Yield what each way leaves of the loss."""
        offered = self.fleet.copy_of(np.arange(self.fleet.slots))
        for way, (operator, alignment) in WAYS.items():
            recipe = Offered(leaves=offered, recipe=Recipe(operator=operator))
            found = try_blocks(self.fleet, recipe, self.pairs, self.data, SEARCH, alignment=alignment)
            yield _row(way, found.losses)
        yield _row("linear", self._made(_linear, self.rank))
        yield _row(BOUND, self._made(_side_by_side, 2 * self.rank))

    def _made(self, way: Callable[[Parameters, Parameters, float], Parameters], rank: int) -> Floats:
        """Return the losses ``[P, W]`` of what is made of the adapters of each pair, of a rank."""
        everyone = range(len(self.pairs))
        fleet = Fleet(self._architecture(rank), len(self.pairs), AdamW(), "cpu")
        own, other = (self.fleet.copy_of(one) for one in (self.pairs.buyer, self.pairs.seller))
        losses = []
        for weight in SEARCH.weights:
            fleet.write(everyone, way(own, other, float(weight)))
            losses.append(fleet.evaluate(everyone, self.data)[0])
        return np.stack(losses, axis=1)

    def _architecture(self, rank: int) -> ModuleArchitecture:
        task = NextToken((LENGTH,), tuple(map(str, range(TOKENS))))
        make = partial(_adapted, self.base.state_dict(), rank)
        return ModuleArchitecture(task.input_shape, TOKENS, task=task, make=make, label="adapters")


def _linear(own: Parameters, other: Parameters, weight: float) -> Parameters:
    """Return sums of the factors with the roots of the weights, as ``linear`` of peft."""
    return {name: (1 - weight) ** 0.5 * leaf + weight**0.5 * other[name] for name, leaf in own.items()}


def _side_by_side(own: Parameters, other: Parameters, weight: float) -> Parameters:
    """Return factors of twice the rank whose products are interpolated, as ``cat`` of peft."""
    merged = {}
    for a, b in factors_of(own, "lora_A", "lora_B"):
        merged[a] = torch.cat([own[a], other[a]], 1)
        merged[b] = torch.cat([(1 - weight) * own[b], weight * other[b]], 2)
    return merged


def _row(way: str, losses: Floats) -> dict[str, Any]:
    best = losses.min(axis=1)
    return {
        "way": way,
        "before": float(losses[:, 0].mean()),
        "loss": float(best.mean()),
        "gain": float((losses[:, 0] - best).mean()),
        "weight": float(SEARCH.weights[losses.argmin(axis=1)].mean()),
    }


def _chain(rng: np.random.Generator) -> Floats:
    """Return which token follows which, with what chance, ``[TOKENS, TOKENS]``."""
    return np.asarray(rng.dirichlet(np.full(TOKENS, SPARSITY), TOKENS))


def _dialect(language: Floats, rng: np.random.Generator) -> Floats:
    """Return a chain that has some of its rows for itself."""
    proper = rng.permutation(TOKENS) < PROPER * TOKENS
    return np.where(proper[:, None], _chain(rng), language)


def _texts(chain: Floats, count: int, rng: np.random.Generator) -> Ints:
    """Return texts of a chain, one token longer than the model reads."""
    texts, above = np.empty((count, LENGTH + 1), np.int64), chain.cumsum(axis=1)
    texts[:, 0] = rng.integers(TOKENS, size=count)
    for place in range(LENGTH):
        drawn = rng.random((count, 1)) > above[texts[:, place]]
        texts[:, place + 1] = drawn.sum(axis=1).clip(max=TOKENS - 1)
    return texts


def _base(language: Floats, rng: np.random.Generator) -> nn.Module:
    """Return a model that has learnt the language."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(int(rng.integers(2**63)))
        model = _model()
    optimiser = torch.optim.AdamW(model.parameters(), lr=0.005)
    texts = torch.from_numpy(_texts(language, BASE_STEPS * BATCH, rng))
    for batch in texts.split(BATCH):
        answers = model(batch[:, :-1]).logits
        loss = nn.functional.cross_entropy(answers.flatten(0, 1), batch[:, 1:].flatten())
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    return model


def _model() -> Any:
    """Return a model of random weights; its library is imported here, so that only this study needs it."""
    from transformers import GPT2Config, GPT2LMHeadModel

    sizes = {"n_embd": WIDTH, "n_layer": LAYERS, "n_head": HEADS, "bos_token_id": 0, "eos_token_id": 0}
    quiet = {"resid_pdrop": 0.0, "embd_pdrop": 0.0, "attn_pdrop": 0.0}
    return GPT2LMHeadModel(GPT2Config(vocab_size=TOKENS, n_positions=LENGTH, **sizes, **quiet))


def _adapted(base: dict[str, Tensor], rank: int) -> nn.Module:
    """Return the base with adapters of all its linear maps; what they add is twice their product."""
    from peft import LoraConfig, get_peft_model

    model = _model()
    model.load_state_dict(base)
    config = LoraConfig(r=rank, lora_alpha=2 * rank, target_modules="all-linear", fan_in_fan_out=True)
    with quietly():
        return get_peft_model(model, config)


def _show(table: pd.DataFrame, rank: int, same_start: bool) -> None:
    start = "the same" if same_start else "different"
    rows = [
        [
            str(row.way),
            f"{row.loss:.4f}",
            f"{row.weight:.2f}",
            f"{row.gain:.4f}",
            f"{row.gain_low:.4f} to {row.gain_high:.4f}",
            f"{row.less:z.4f}",
            f"{row.less_low:z.4f} to {row.less_high:z.4f}",
        ]
        for row in table.itertuples()
    ]
    print_table(
        ["way", "loss", "weight", "gain", "95% interval", f"gain less that of {BOUND}", "95% interval"],
        rows,
        title=f"Merging adapters of rank {rank} from {start} initial weights",
        caption="loss at the best weight, nats a token; the last two columns are paired over replicates",
    )
