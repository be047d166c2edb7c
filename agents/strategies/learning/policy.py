"""Policies as small networks: a stack of them, one an organisation or one for all, trained by REINFORCE.

Core Objects: start_policies, policy_mean, reinforce
"""

import numpy as np
import torch
from torch import Tensor

from markets.columns import Floats, Ints

Arrays = dict[str, Floats]
PARAMETERS = ("input_weight", "input_bias", "output_weight", "output_bias")
BETA1, BETA2, EPSILON = 0.9, 0.999, 1e-8


def start_policies(policies: int, features: int, hidden: int, rng: np.random.Generator) -> Arrays:
    """Return parameters of P policies, with zero moments of Adam: float64 arrays with the policies first.

    A policy is tanh layer of `hidden` units on `features` inputs and a linear output. Weights are normal with
    variance one over the number of inputs, the output's a tenth of that, so that all start near the same
    mean.
    """
    parameters = {
        "input_weight": rng.standard_normal((policies, hidden, features)) / np.sqrt(features),
        "input_bias": np.zeros((policies, hidden)),
        "output_weight": 0.1 * rng.standard_normal((policies, hidden)) / np.sqrt(hidden),
        "output_bias": np.zeros(policies),
    }
    first = {f"first_{name}": np.zeros_like(parameters[name]) for name in PARAMETERS}
    second = {f"second_{name}": np.zeros_like(parameters[name]) for name in PARAMETERS}
    return parameters | first | second | {"steps": np.zeros(policies)}


def policy_mean(parameters: dict[str, Tensor], inputs: Tensor, policy: Tensor) -> Tensor:
    """Return the mean action [R] of the policy of each row, on its inputs [R, features].

    Elementwise throughout, so that a row's result does not depend on the other rows.
    """
    hidden = (parameters["input_weight"][policy] * inputs[:, None, :]).sum(dim=2)
    activity = torch.tanh(hidden + parameters["input_bias"][policy])
    return (parameters["output_weight"][policy] * activity).sum(dim=1) + parameters["output_bias"][policy]


def reinforce(
    memory: Arrays,
    inputs: Floats,
    action: Floats,
    advantage: Floats,
    policy: Ints,
    spread: float,
    learning_rate: float,
) -> Arrays:
    """Return parameters and moments after one step of Adam along the policy gradient, all policies at once.

    The gradient of a policy is the mean over its rows of advantage times the gradient of the log-density of
    the action, normal about the policy's mean with the given spread. Policies without rows stay as they are.

    Williams (1992), Machine Learning 8, equation 11; Kingma and Ba (2015), ICLR, algorithm 1.

    Parameters
    ----------
    memory : dict
        As `start_policies` returns it.
    inputs : float64 [R, features]
        What each action was based on.
    action, advantage : float64 [R]
        What was done, and its reward less a baseline.
    policy : int64 [R]
        Whose action it was.
    spread : float
        Standard deviation of the actions about the mean.
    learning_rate : float
        Adam's step size.

    Notes
    -----
    O(R hidden features + P hidden features) a step.
    """
    policies = len(memory["steps"])
    leaves = {name: torch.tensor(memory[name], requires_grad=True) for name in PARAMETERS}
    rows = np.bincount(policy, minlength=policies)
    weight = torch.as_tensor(advantage / np.maximum(rows, 1)[policy])
    mean = policy_mean(leaves, torch.as_tensor(inputs), torch.as_tensor(policy))
    log_density = -((torch.as_tensor(action) - mean) ** 2) / (2 * spread**2)
    gradients = torch.autograd.grad((weight * log_density).sum(), [leaves[name] for name in PARAMETERS])
    learns = rows > 0
    steps = memory["steps"] + learns
    learnt = {"steps": steps}
    for name, gradient in zip(PARAMETERS, gradients, strict=True):
        shape = (-1, *(1,) * (memory[name].ndim - 1))
        active, count = learns.reshape(shape), np.maximum(steps, 1.0).reshape(shape)
        slope = gradient.numpy()
        first = np.where(
            active, BETA1 * memory[f"first_{name}"] + (1 - BETA1) * slope, memory[f"first_{name}"]
        )
        second = np.where(
            active, BETA2 * memory[f"second_{name}"] + (1 - BETA2) * slope**2, memory[f"second_{name}"]
        )
        step = first / (1 - BETA1**count) / (np.sqrt(second / (1 - BETA2**count)) + EPSILON)
        # The gradient points uphill: rewards grow.
        learnt[name] = memory[name] + np.where(active, learning_rate * step, 0.0)
        learnt |= {f"first_{name}": first, f"second_{name}": second}
    return learnt
