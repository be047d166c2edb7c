import numpy as np
import pytest
import torch
from omegaconf import OmegaConf
from pydantic import ValidationError

from agents.learning.training.optimisers import OPTIMISERS, SGD, AdamW, Optimiser, initial_state

CASES = [
    (SGD(lr=0.1, momentum=0), torch.optim.SGD, {"lr": 0.1}),
    (SGD(lr=0.1, momentum=0.9, weight_decay=0.01), torch.optim.SGD, {"momentum": 0.9, "weight_decay": 0.01}),
    (SGD(momentum=0.8, nesterov=True), torch.optim.SGD, {"momentum": 0.8, "nesterov": True}),
    (AdamW(), torch.optim.AdamW, {"weight_decay": 0.01}),
    (AdamW(beta1=0.8, beta2=0.9, eps=1e-3, weight_decay=0.2), torch.optim.AdamW,
     {"betas": (0.8, 0.9), "eps": 1e-3, "weight_decay": 0.2}),
]  # fmt: skip


@pytest.mark.parametrize("fused", [True, False])
@pytest.mark.parametrize(("optimiser", "plain", "settings"), CASES)
def test_update_is_that_of_torch_with_rates_and_steps_of_its_own(
    optimiser: Optimiser, plain: type[torch.optim.Optimizer], settings: dict, fused: bool
) -> None:
    rng, rates = np.random.default_rng(0), [0.1, 0.01, 0.5, 0.1]
    start = torch.from_numpy(rng.normal(size=(4, 24)).astype(np.float32))
    rows = start.clone()
    state = initial_state(optimiser, rows)
    state.learning_rate[:] = torch.tensor(rates)
    lone = [start[i].clone().requires_grad_() for i in range(4)]
    others = [
        plain([leaf], **{**settings, "lr": rate})  # type: ignore[call-arg]
        for leaf, rate in zip(lone, rates, strict=True)
    ]
    for step in range(8):
        active = 4 if step < 5 else 2
        gradients = torch.from_numpy(rng.normal(size=(active, 24)).astype(np.float32))
        if fused:
            optimiser.stepper(rows[:active], gradients.clone(), state.head(active))()
        else:
            optimiser.update(rows[:active], gradients.clone(), state.head(active))
        for i in range(active):
            lone[i].grad = gradients[i]
            others[i].step()
    torch.testing.assert_close(rows, torch.stack(lone).detach(), rtol=2e-6, atol=2e-6)
    assert state.steps.tolist() == [8, 8, 5, 5]


@pytest.mark.parametrize("optimiser", [SGD(), AdamW()])
def test_reset_starts_chosen_slots_afresh(optimiser: Optimiser) -> None:
    rows = torch.ones(3, 2)
    state = initial_state(optimiser, rows)
    state.learning_rate[1] = 0.3
    optimiser.stepper(rows, torch.ones(3, 2), state)()
    state.reset(torch.tensor([1]))
    assert state.steps.tolist() == [1, 0, 1]
    assert state.learning_rate[1].item() == pytest.approx(0.3)
    for moment in state.moments:
        assert (moment[1] == 0).all()
        assert (moment[0] != 0).all()


def test_configurations_are_structured_and_checked() -> None:
    for name in OPTIMISERS:
        assert OmegaConf.structured(OPTIMISERS[name]).name == name
    for wrong in ({"lr": -1}, {"momentum": 1.0}, {"lr": float("inf")}, {"rate": 1}):
        with pytest.raises(ValidationError):
            SGD(**wrong)
    with pytest.raises(TypeError, match="must extend Optimiser"):
        OPTIMISERS.check(int)  # type: ignore[arg-type]
