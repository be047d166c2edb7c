"""The machinery of parameters: many networks of one architecture as one stack of tensors.

Everything here works on **stacked parameters**: a dict of tensors ``[N, ...]`` whose first axis counts slots
(one slot is one organisation's model). Training, evaluation, alignment, trials and merges are each one
batched computation.

Two rules hold throughout. The result of a slot is a function of that slot alone: on the CPU the same slot
gives the same bits whatever else is in the batch and however the batch is cut into chunks. And no code here
draws a random number except from a `numpy.random.Generator` that is handed in.

Core Objects: Fleet, Architecture, NETWORKS, OPTIMISERS, Data, Pairs, Offered, try_blocks, merge
"""

from agents.learning.alignment.weight_matching import match_weights
from agents.learning.networks import NETWORKS, Architecture
from agents.learning.operations.merging import merge
from agents.learning.operators.base import interpolate
from agents.learning.stack.data import Data
from agents.learning.stack.fleet import Fleet
from agents.learning.stack.offered import Offered, Prepared
from agents.learning.stack.pairs import Pairs
from agents.learning.stack.parameters import Parameters
from agents.learning.training.optimisers import OPTIMISERS
from agents.learning.trials import Trials, try_blocks
