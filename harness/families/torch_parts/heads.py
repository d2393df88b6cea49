"""Heads over an encoder's hidden states (PyTorch): pooled, label-wise attention, label vectors from codes' titles.

Huang, Tsai, Chen. PLM-ICD: Automatic ICD Coding with Pretrained Language Models. Clinical NLP 2022; here each label's
vector meets the hidden states directly, without a (batch, labels, width) tensor.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

Kind = Literal["pooled", "label_attention", "titles"]
Pooling = Literal["mean", "cls", "max"]
FAR = -1e4  # the attention's score of a token that is none
FORGET = 0.2  # share of labels whose own offsets a step leaves out, so that titles alone learn to tell codes


@dataclass(frozen=True, slots=True)
class Sides:
    """What stands beside a text: hits of the code list (n, n_hits), covariates (n, n_values); None where not asked."""

    hits: Any = None
    covariates: Any = None


NO_SIDES = Sides()


@dataclass(frozen=True, slots=True)
class Head:
    """From hidden states to logits.

    Attributes
    ----------
    pooling : None for label-wise attention
    tensors : by name. ``values`` and ``bias`` say what speaks for a label, (n_labels, width) and (n_labels,);
        ``queries``, of the same shape as values, where it looks; ``own`` (n_hits,) what a hit of the list adds to its
        own label; ``hits`` (n_hits, width) and ``covariates`` (n_values, width) join the hidden states. With
        ``titles`` (n_titled, width), values and queries are offsets of the first n_labels of them, mapped by
        ``value_map`` and ``query_map``, (width, width); ``only_bias`` () is of the others
    """

    pooling: Pooling | None
    tensors: Mapping[str, Any]

    @property
    def trained(self) -> dict[str, Any]:
        """The tensors that learn."""
        return {name: tensor for name, tensor in self.tensors.items() if tensor.requires_grad}

    def to(self, device: str) -> Head:
        """The head on a device, ready to learn."""
        return replace(
            self,
            tensors={
                name: tensor.detach().to(device).requires_grad_(tensor.requires_grad)
                for name, tensor in self.tensors.items()
            },
        )

    def logits(self, hidden: Any, mask: Any, sides: Sides = NO_SIDES, dropout: float = 0.0) -> Any:
        """One logit a label.

        Parameters
        ----------
        hidden : (n, length, width)
        mask : (n, length) true where there is a token

        Returns
        -------
        (n, n_labels)
        """
        from torch.nn import functional

        if dropout:
            hidden = functional.dropout(hidden, dropout)
        values = self.tensors["values"]
        if self.pooling is not None:
            found = POOLINGS[self.pooling](hidden, mask) @ values.T
        else:
            scores = (hidden @ self.tensors["queries"].T).masked_fill(~mask[:, :, None], FAR)
            found = (scores.softmax(1) * (hidden @ values.T)).sum(1)
        return self._beside(found + self.tensors["bias"], sides)

    def _beside(self, logits: Any, sides: Sides) -> Any:
        """The logits with what hits and covariates say; they count as if each hidden state had them added."""
        from torch.nn import functional

        values = self.tensors["values"]
        if sides.hits is not None and "own" in self.tensors:
            own = sides.hits * self.tensors["own"]
            logits = logits + functional.pad(own, (0, logits.shape[1] - own.shape[1]))
            logits = logits + (sides.hits @ self.tensors["hits"]) @ values.T
        if sides.covariates is not None and "covariates" in self.tensors:
            logits = logits + (sides.covariates @ self.tensors["covariates"]) @ values.T
        return logits

    def learning(self) -> Head:
        """The head of one training step, over the labels that have examples; some labels go by their titles alone."""
        import torch

        if "titles" not in self.tensors:
            return self
        n = len(self.tensors["bias"])
        kept = (torch.rand(n, 1, device=self.tensors["bias"].device) >= FORGET) | ~self.tensors["titles"][:n].any(
            1, True
        )
        return self._mapped(self.tensors["titles"][:n], lambda offsets: offsets * kept)

    def settled(self) -> Head:
        """The head that scores: label vectors as they are, over all labels, those without examples last."""
        import torch

        with torch.no_grad():
            if "titles" in self.tensors:
                more = len(self.tensors["titles"]) - len(self.tensors["bias"])
                return self._mapped(self.tensors["titles"], lambda o: torch.nn.functional.pad(o, (0, 0, 0, more)))
            return replace(self, tensors={name: tensor.detach() for name, tensor in self.tensors.items()})

    def _mapped(self, titles: Any, offsets: Callable[[Any], Any]) -> Head:
        from torch.nn import functional

        own = {name: tensor for name, tensor in self.tensors.items() if name not in _OF_TITLES}
        more = len(titles) - len(self.tensors["bias"])
        return replace(
            self,
            tensors={
                **own,
                "values": titles @ self.tensors["value_map"] + offsets(self.tensors["values"]),
                "queries": titles @ self.tensors["query_map"] + offsets(self.tensors["queries"]),
                "bias": functional.pad(self.tensors["bias"], (0, more), value=float(self.tensors["only_bias"])),
            },
        )


_OF_TITLES = ("titles", "value_map", "query_map", "only_bias")


def initial(
    bias: npt.NDArray[np.float32], width: int, pooling: Pooling | None, *, hits: tuple[int, float], covariates: int
) -> Head:
    """A head before its first step, drawn from PyTorch's own random numbers.

    Parameters
    ----------
    bias : (n_labels,) log-odds of the labels' shares
    hits : how many columns hits have, 0 for none, and the logit that a hit adds to its own label at first
    covariates : how many columns they have, 0 for none
    """
    import torch

    def vectors() -> Any:
        return torch.randn(len(bias), width) / width**0.5

    tensors = {"bias": torch.from_numpy(bias.copy()), "values": vectors()}
    if pooling is None:
        tensors["queries"] = vectors()
    if hits[0]:
        tensors |= {"own": torch.full((hits[0],), hits[1]), "hits": torch.zeros(hits[0], width)}
    if covariates:
        tensors["covariates"] = torch.zeros(covariates, width)
    return Head(pooling, {name: tensor.requires_grad_() for name, tensor in tensors.items()})


def titled(head: Head, titles: npt.NDArray[np.float32], only_bias: float) -> Head:
    """A head whose label vectors come from titles; labels whose title is unknown keep a learnt vector alone.

    Parameters
    ----------
    titles : (n_titled, width) embeddings, zeros where there is none, the head's own labels first
    only_bias : the bias of the labels after them
    """
    import torch

    known = np.abs(titles).sum(axis=1) > 0
    apart = np.where(known[:, None], titles - titles[known].sum(axis=0) / max(1, known.sum()), 0.0)
    lengths = np.linalg.norm(apart, axis=1, keepdims=True)
    scaled = torch.from_numpy((apart / np.maximum(lengths, 1e-9)).astype(np.float32))
    unknown = torch.from_numpy(~known[: len(head.tensors["bias"]), None])
    width = titles.shape[1]
    offsets = {name: (head.tensors[name].detach() * unknown).requires_grad_() for name in ("values", "queries")}
    maps = {name: torch.eye(width).requires_grad_() for name in ("value_map", "query_map")}
    return replace(
        head,
        tensors={**head.tensors, **offsets, **maps, "titles": scaled, "only_bias": torch.tensor(only_bias)},
    )


def _mean(hidden: Any, mask: Any) -> Any:
    kept = mask[:, :, None]
    return (hidden * kept).sum(1) / kept.sum(1)


def _first(hidden: Any, mask: Any) -> Any:
    return hidden[:, 0]


def _most(hidden: Any, mask: Any) -> Any:
    return hidden.masked_fill(~mask[:, :, None], FAR).amax(1)


POOLINGS: Mapping[Pooling, Callable[[Any, Any], Any]] = {"mean": _mean, "cls": _first, "max": _most}
