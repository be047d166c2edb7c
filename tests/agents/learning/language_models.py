"""Language models as users make them: small, of random weights, with adapters or without."""

import torch
from peft import LoraConfig, PeftModel, get_peft_model
from torch import nn
from transformers import GPT2Config, GPT2LMHeadModel, LlamaConfig, LlamaForCausalLM

from agents.learning.networks.module import Module
from agents.learning.networks.own_module import ModuleArchitecture
from agents.learning.tasks import NextToken

FORM = {"fan_in_fan_out": True}
"""How GPT-2 stores the weights of its linear maps."""
TOKENS = NextToken((6,), tuple("abcdefghi"))


def gpt2(shape: tuple[int, ...], answers: int) -> nn.Module:
    """Return a decoder with packed attention weights and tied embeddings."""
    sizes = {"n_embd": 12, "n_layer": 2, "n_head": 3, "bos_token_id": 0, "eos_token_id": 0}
    return GPT2LMHeadModel(GPT2Config(vocab_size=answers, n_positions=shape[0], **sizes))


def llama(shape: tuple[int, ...], answers: int) -> nn.Module:
    """Return a decoder with rotary positions, gates and grouped heads."""
    sizes = {"hidden_size": 16, "intermediate_size": 20, "num_hidden_layers": 2}
    heads = {"num_attention_heads": 4, "num_key_value_heads": 2, "bos_token_id": 0, "eos_token_id": 0}
    config = LlamaConfig(vocab_size=answers, max_position_embeddings=shape[0], **sizes, **heads)
    return LlamaForCausalLM(config)


def adapted(shape: tuple[int, ...], answers: int, rank: int = 3, **options: object) -> PeftModel:
    """Return the first with adapters of all its linear maps; rows of B are not 0, as after training."""
    config = LoraConfig(r=rank, lora_alpha=2 * rank, target_modules="all-linear", **(FORM | options))
    model = get_peft_model(gpt2(shape, answers), config)
    for name, leaf in model.named_parameters():
        if "lora_B" in name:
            nn.init.normal_(leaf, std=0.3)
    return model


def bound(factory: object, **options: object) -> ModuleArchitecture:
    """Return the network around what a function above makes."""
    spec = f"{__name__}:{factory.__name__}"  # type: ignore[attr-defined]
    return Module(factory=spec, options=options).for_task(TOKENS)


def tokens(examples: int = 20, seed: int = 0) -> torch.Tensor:
    """Return sequences, int64 ``[E, T]``."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(TOKENS.answers, (examples, *TOKENS.input_shape), generator=generator)
