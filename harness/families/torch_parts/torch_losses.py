"""Losses of one sigmoid a code (PyTorch): each from logits and codes, (n, n_labels), to the same shape."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from harness.families.losses import Loss, LossName

FOCUS = 2.0  # of the focal loss
NEGATIVE_FOCUS = 4.0  # of the asymmetric one; its positives have none
SHIFT = 0.05  # absent codes below this probability cost nothing


def cross_entropy(logits: Any, y: Any) -> Any:
    """Binary cross-entropy."""
    from torch.nn import functional

    return functional.binary_cross_entropy_with_logits(logits, y, reduction="none")


def focal(logits: Any, y: Any) -> Any:
    """Cross-entropy in which pairs count less that are right already.

    References
    ----------
    Lin, Goyal, Girshick, He, Dollár. Focal Loss for Dense Object Detection. ICCV 2017; without its α.
    """
    import torch

    wrong = torch.sigmoid(torch.where(y > 0, -logits, logits))
    return wrong**FOCUS * cross_entropy(logits, y)


def asymmetric(logits: Any, y: Any) -> Any:
    """Cross-entropy in which absent codes count less the less likely they are, and nothing below 0.05.

    References
    ----------
    Ridnik, Ben-Baruch, Zamir, Noy, Friedman, Protter, Zelnik-Manor. Asymmetric Loss For Multi-Label Classification.
    ICCV 2021; γ+ = 0, γ− = 4, m = 0.05.
    """
    import torch
    from torch.nn import functional

    shifted = (torch.sigmoid(logits) - SHIFT).clamp(min=0.0, max=1.0 - SHIFT)
    absent = -(shifted**NEGATIVE_FOCUS) * torch.log1p(-shifted)
    return torch.where(y > 0, functional.softplus(-logits), absent)


LOSSES: Mapping[LossName, Callable[[Any, Any], Any]] = {
    "cross_entropy": cross_entropy,
    "focal": focal,
    "asymmetric": asymmetric,
}
MEANT: Mapping[LossName, Loss] = {  # the same losses, as what tells log-odds from the logits that they lead to
    "cross_entropy": Loss("cross_entropy"),
    "focal": Loss("focal", FOCUS),
    "asymmetric": Loss("asymmetric", NEGATIVE_FOCUS, SHIFT),
}
