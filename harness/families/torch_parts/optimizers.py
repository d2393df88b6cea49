"""What moves an encoder's and a head's weights (PyTorch): AdamW by depth, a lazy Adam for the table of token vectors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from harness.families.torch_parts import body

BETAS = (0.9, 0.98)
LEAST_RATE = 0.02  # of the first rate, at the end


def share_of_rate(done: int, total: int, warm_up: float) -> float:
    """How much of its rate a weight learns at after ``done`` of ``total`` steps.

    It rises over the share ``warm_up`` of all steps, then falls in a line.
    """
    rising = (done + 1) / max(1.0, warm_up * total)
    return min(1.0, rising) * max(LEAST_RATE, 1.0 - done / total)


class Optimizers:
    """AdamW; lower layers learn more slowly, and vectors (norms, biases) are not drawn to zero.

    A table of token vectors has ten times the weights of a layer, of which a batch reads some hundred rows: its
    gradient is sparse, and only these rows move.

    Parameters
    ----------
    model : the encoder, whose weights are named and whose layers are counted
    learning : the same weights as the modules that learn
    head : tensors of the head that learn

    References
    ----------
    Howard, Ruder. Universal Language Model Fine-tuning for Text Classification. ACL 2018; discriminative fine-tuning.
    """

    def __init__(
        self,
        model: Any,
        learning: Any,
        head: Mapping[str, Any],
        *,
        rate: float,
        decay: float,
        head_rate: float,
        weight_decay: float,
    ) -> None:
        import torch

        table = body.sparse_table(learning)
        above, named = body.depth(model), dict(model.named_parameters())
        groups: dict[tuple[float, bool], list[Any]] = {}
        for name, depth in above.items():
            if named[name] is not table:
                groups.setdefault((rate * decay**depth, named[name].dim() > 1), []).append(named[name])
        for tensor in head.values():
            groups.setdefault((head_rate, tensor.dim() > 1), []).append(tensor)
        self._all = [
            torch.optim.AdamW(
                [
                    {"params": tensors, "lr": own, "weight_decay": weight_decay if matrix else 0.0}
                    for (own, matrix), tensors in groups.items()
                ],
                betas=BETAS,
                fused=True,
            )
        ]
        if table is not None:
            lowest = rate * decay ** max(above.values())
            self._all.append(torch.optim.SparseAdam([{"params": [table], "lr": lowest}], betas=BETAS))
        self.rates = [[group["lr"] for group in optimizer.param_groups] for optimizer in self._all]

    def step(self, share: float) -> None:
        """Move the weights against their gradients, at a share of their rates, and forget the gradients."""
        for optimizer, rates in zip(self._all, self.rates, strict=True):
            for group, rate in zip(optimizer.param_groups, rates, strict=True):
                group["lr"] = rate * share
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)

    def state(self) -> dict[str, Any]:
        """All that the next step needs, as tensors by name."""
        import torch

        return {
            f"{number}.{place}.{name}": torch.as_tensor(value)
            for number, optimizer in enumerate(self._all)
            for place, state in optimizer.state_dict()["state"].items()
            for name, value in state.items()
        }

    def restore(self, tensors: Mapping[str, Any]) -> None:
        """Take up what :meth:`state` gave."""
        states: list[dict[int, dict[str, Any]]] = [{} for _ in self._all]
        for name, tensor in tensors.items():
            number, place, part = name.split(".", 2)
            value = tensor if tensor.is_floating_point() else tensor.item()  # SparseAdam counts its steps in an int
            states[int(number)].setdefault(int(place), {})[part] = value
        for optimizer, state in zip(self._all, states, strict=True):
            optimizer.load_state_dict({**optimizer.state_dict(), "state": state})
