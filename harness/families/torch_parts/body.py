"""An encoder's body (PyTorch): parts of it that share its weights, which of them learn, low-rank tuning."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

from harness.errors import SpaceError
from harness.families.torch_parts.pretrained import layers_of


def upper(model: Any, frozen: int) -> Any:
    """The layers above the lowest ``frozen`` as a model of its own, which shares their weights.

    Its modules are copies, so that they may drop out while ``model`` scores. Where ``frozen`` is not 0 it takes those
    layers' output as ``inputs_embeds``.
    """
    found = _shared(model)
    if frozen:
        layers = layers_of(found)
        del layers[:frozen]
        _tell(found, slice(frozen, None))
        found.embeddings.forward = _passed
        if hasattr(found, "embeddings_project"):
            del found.embeddings_project
    return found


def lower(model: Any, frozen: int) -> Callable[[Any, Any], Any]:
    """The lowest ``frozen`` layers and the embeddings: from ids and mask, (n, length), to hidden states.

    A norm that a model puts on its last layer's output is left out.
    """
    found = _shared(model).eval()
    layers = layers_of(found)
    del layers[frozen:]
    _tell(found, slice(frozen))
    last: list[Any] = []
    layers[-1].register_forward_hook(
        lambda _module, _inputs, output: last.append(output[0] if isinstance(output, tuple) else output)
    )

    def hidden(ids: Any, mask: Any) -> Any:
        found(input_ids=ids, attention_mask=mask)
        return last.pop()

    return hidden


def freeze(model: Any, frozen: int) -> None:
    """Let the lowest ``frozen`` layers, and the embeddings with them, learn no more.

    Raises
    ------
    SpaceError
        The model does not keep its embeddings apart.
    """
    for module in _lowest(model, frozen):
        module.requires_grad_(False)


def drop_out(model: Any, share: float, frozen: int) -> None:
    """Set a body to learn with so much dropout, but its lowest ``frozen`` layers to compute as they are."""
    import torch

    model.train()
    for module in model.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = share
    for module in _lowest(model, frozen):
        module.eval()


def low_rank(model: Any, rank: int, frozen: int) -> None:
    """Beside each matrix of the layers above ``frozen`` a product of two thin ones, which alone learn.

    References
    ----------
    Hu, Shen, Wallis, Allen-Zhu, Li, Wang, Wang, Chen. LoRA: Low-Rank Adaptation of Large Language Models. ICLR 2022.
    """
    import torch
    from peft import LoraConfig, inject_adapter_in_model

    learns = {module for layer in layers_of(model)[frozen:] for module in layer.modules()}
    chosen = [
        name for name, module in model.named_modules() if module in learns and isinstance(module, torch.nn.Linear)
    ]
    if chosen:
        inject_adapter_in_model(LoraConfig(r=rank, lora_alpha=2 * rank, target_modules=chosen), model)


def merged(model: Any) -> Any:
    """The same body as plain matrices; a copy where it has low-rank products, else itself."""
    if not any("lora_" in name for name, _ in model.named_parameters()):
        return model
    from peft.tuners.lora import LoraLayer

    found = copy.deepcopy(model)
    for name, module in list(found.named_modules()):
        if isinstance(module, LoraLayer):
            module.merge()
            found.set_submodule(name, module.get_base_layer())
    return found


def sparse_table(model: Any) -> Any:
    """A body's table of token vectors, whose gradient from now on has a batch's own rows alone; None if it does not learn."""
    found = model.get_input_embeddings()
    if not found.weight.requires_grad:
        return None
    found.sparse = True
    return found.weight


def depth(model: Any) -> dict[str, int]:
    """How many layers stand above each weight that learns, by its name; the embeddings have them all above."""
    layers = layers_of(model)
    of = {id(weight): len(layers) - 1 - place for place, layer in enumerate(layers) for weight in layer.parameters()}
    of |= {id(weight): len(layers) for module in _embeddings(model) for weight in module.parameters()}
    return {name: of.get(id(weight), 0) for name, weight in model.named_parameters() if weight.requires_grad}


def _lowest(model: Any, frozen: int) -> list[Any]:
    """The modules that ``frozen`` layers mean; none where it is 0."""
    if not frozen:
        return []
    embeddings = _embeddings(model)
    if not embeddings:
        raise SpaceError(
            f"frozen must be 0 where a base keeps its embeddings elsewhere, as a {model.config.model_type} does"
        )
    return [*embeddings, *layers_of(model)[:frozen]]


def _embeddings(model: Any) -> list[Any]:
    """What makes a layer's input of ids; ELECTRA's has a second part."""
    return [getattr(model, name) for name in ("embeddings", "embeddings_project") if hasattr(model, name)]


def _shared(model: Any) -> Any:
    """A copy of the modules, but not of the weights."""
    return copy.deepcopy(model, {id(weight): weight for weight in (*model.parameters(), *model.buffers())})


def _tell(model: Any, kept: slice) -> None:
    model.config.num_hidden_layers = len(range(model.config.num_hidden_layers)[kept])
    if getattr(model.config, "layer_types", None):
        model.config.layer_types = model.config.layer_types[kept]


def _passed(input_ids: Any = None, inputs_embeds: Any = None, *_others: Any, **_more: Any) -> Any:
    return inputs_embeds
