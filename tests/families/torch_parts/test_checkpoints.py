from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from harness.families.family import Context
from harness.families.torch_parts import checkpoints


class Counting:
    """Learns nothing, but says what it was asked to do; its checkpoint is a number in a file."""

    def __init__(self, seconds: float = 0.0) -> None:
        self.did: list[str] = []
        self._seconds = seconds

    def epoch(self, number: int) -> None:
        self.did.append(f"epoch {number}")
        time.sleep(self._seconds)

    def save(self, folder: Path, done: int) -> None:
        self.did.append(f"save {done}")
        folder.mkdir(exist_ok=True)
        (folder / "done").write_text(str(done))

    def restore(self, folder: Path | None) -> int:
        if folder is None or not (folder / "done").exists():
            return 0
        return int((folder / "done").read_text())

    def report(self, done: int) -> None:
        self.did.append(f"report {done}")


def follow(learner: Counting, epochs: int, context: Context) -> int:
    return checkpoints.follow(learner, epochs, context, learner.report)


def test_each_epoch_is_safe_before_it_is_reported(tmp_path: Path) -> None:
    learner = Counting()
    assert follow(learner, 2, Context(checkpoint=tmp_path)) == 2
    assert learner.did == ["epoch 0", "save 1", "report 1", "epoch 1", "save 2", "report 2"]


def test_without_a_checkpoint_nothing_is_saved() -> None:
    learner = Counting()
    assert checkpoints.follow(learner, 2, Context(), None) == 2
    assert learner.did == ["epoch 0", "epoch 1"]


def test_what_was_done_is_not_done_again(tmp_path: Path) -> None:
    follow(Counting(), 2, Context(checkpoint=tmp_path))
    learner = Counting()
    assert follow(learner, 3, Context(checkpoint=tmp_path)) == 3
    assert learner.did == ["epoch 2", "save 3", "report 3"]
    finished = Counting()
    assert follow(finished, 3, Context(checkpoint=tmp_path)) == 3
    assert finished.did == []


def test_frozen_steps_stand_above_epochs(tmp_path: Path) -> None:
    assert follow(Counting(), 5, Context(steps=2)) == 2
    assert follow(Counting(), 2, Context(steps=4)) == 4


def test_it_ends_where_one_more_epoch_would_not_end_in_time() -> None:
    """An epoch is always done; the next one only where as much time is left as the last one took."""
    late = Counting()
    assert follow(late, 5, Context(deadline=time.monotonic() - 1.0)) == 1
    assert late.did == ["epoch 0", "report 1"]
    assert follow(Counting(seconds=0.3), 50, Context(deadline=time.monotonic() + 0.2)) == 1
    assert follow(Counting(), 5, Context(deadline=time.monotonic() + 3600.0)) == 5


# ------------------------------------------------------------------------------------------- weights on the disk


def weights(value: float) -> dict[str, Any]:
    import torch

    return {"body": torch.nn.Parameter(torch.full((2, 3), value)), "bias": torch.nn.Parameter(torch.full((2,), value))}


def moments(value: float) -> dict[str, Any]:
    import torch

    return {"0.step": torch.tensor(value), "0.exp_avg": torch.full((3, 2), value).T}


def test_weights_and_moments_are_taken_up_again(tmp_path: Path) -> None:
    import torch

    saved, learns = weights(0.5), weights(0.0)
    checkpoints.save(tmp_path / "new", saved, moments(3.0), 7)
    done, found = checkpoints.restore(tmp_path / "new", learns, "cpu")
    assert done == 7
    for name, weight in learns.items():
        assert torch.equal(weight, saved[name])
        assert weight.requires_grad
    assert set(found) == {"0.step", "0.exp_avg"}
    assert found["0.step"].item() == 3.0
    assert torch.equal(found["0.exp_avg"], moments(3.0)["0.exp_avg"])


@pytest.mark.parametrize("folder", [None, "nothing"])
def test_where_nothing_was_left_weights_stay(folder: str | None, tmp_path: Path) -> None:
    learns = weights(0.25)
    assert checkpoints.restore(tmp_path / folder if folder else None, learns, "cpu") == (0, {})
    assert float(learns["body"].detach().mean()) == 0.25


def test_a_save_that_fails_leaves_the_one_before(tmp_path: Path) -> None:
    """A machine may be switched off while it writes."""
    checkpoints.save(tmp_path, weights(0.5), moments(1.0), 1)
    with pytest.raises(AttributeError):
        checkpoints.save(tmp_path, weights(0.9), {"0.step": None}, 2)
    learns = weights(0.0)
    assert checkpoints.restore(tmp_path, learns, "cpu")[0] == 1
    assert float(learns["body"].detach().mean()) == 0.5
    assert [path.name for path in tmp_path.iterdir()] == [checkpoints.FILE]
