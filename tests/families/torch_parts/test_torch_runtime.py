from __future__ import annotations

import pytest

from harness.families.torch_parts import torch_runtime


@pytest.mark.parametrize(
    ("asked", "there", "found"), [("cpu", True, "cpu"), ("gpu", True, "cuda"), ("gpu", False, "cpu")]
)
def test_takes_a_gpu_where_asked_and_there(
    asked: str, there: bool, found: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch

    monkeypatch.setattr(torch.cuda, "is_available", lambda: there)
    assert torch_runtime.place(asked) == found


def test_uses_so_many_threads() -> None:
    import torch

    assert torch_runtime.settle(2, "cpu") == "cpu"
    assert torch.get_num_threads() == 2
    torch_runtime.settle(1, "cpu")
    assert torch.get_num_threads() == 1


@pytest.mark.parametrize("matrix_unit", [False, True])
def test_learns_in_bf16_where_the_processor_is_made_for_it_and_scores_in_fp32(
    matrix_unit: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch

    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"amx_bf16": matrix_unit})
    a = torch.ones(4, 4)
    with torch_runtime.learning("cpu"):
        assert (a @ a).dtype == (torch.bfloat16 if matrix_unit else torch.float32)
    with torch_runtime.scoring("cpu"):
        assert (a @ a).dtype == torch.float32


def test_scores_in_fp32_on_a_gpu_that_learns_in_bf16(monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    monkeypatch.setattr("torch.cuda.amp.common.amp_definitely_not_available", lambda: False)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda: True)
    with torch_runtime.learning("cuda"):
        assert torch.is_autocast_enabled("cuda")
        with torch_runtime.scoring("cuda"):
            assert not torch.is_autocast_enabled("cuda")
    with torch_runtime.scoring("cuda"):
        assert not torch.is_autocast_enabled("cuda")
