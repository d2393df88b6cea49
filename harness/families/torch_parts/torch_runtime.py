"""Where PyTorch computes, and how exactly."""

from __future__ import annotations

from typing import Any


def settle(threads: int, device: str) -> str:
    """Let PyTorch use so many threads; where it computes, as :func:`place` says."""
    import torch

    torch.set_num_threads(threads)
    return place(device)


def place(device: str) -> str:
    """PyTorch's name of a device: "cuda" where a GPU is asked for and there, else "cpu"."""
    import torch

    return "cuda" if device == "gpu" and torch.cuda.is_available() else "cpu"


def learning(device: str) -> Any:
    """The context of a forward pass that learns: bf16 where the device multiplies it faster, else fp32."""
    import torch

    return torch.autocast(device, torch.bfloat16, enabled=fast_bf16(device))


def scoring(device: str) -> Any:
    """The context of a forward pass that scores: fp32, so that neither company nor a device rounds a score.

    A threshold found on a GPU is to hold on a CPU: on an H200 bf16 moved single scores by up to 0.38, fp32 by 3e-6.
    """
    import torch

    return torch.autocast(device, enabled=False)


def fast_bf16(device: str) -> bool:
    """Whether a GPU has bf16, or a CPU the matrix unit (AMX) that makes it worth while."""
    import torch

    if device == "cuda":
        return bool(torch.cuda.is_bf16_supported())
    return bool(torch.cpu.get_capabilities().get("amx_bf16", False))
