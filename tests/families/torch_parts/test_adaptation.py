from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from small_base import WORDS, small_base

from harness.corpus.certificate import strings
from harness.errors import CorpusError, SpaceError
from harness.families.torch_parts import adaptation, pretrained
from harness.families.torch_parts.adaptation import RECORD, Runs, Settings, adapt, choose, hide, name
from harness.families.torch_parts.tokens import Tokens
from harness.files import Row, read_json

PAIRS = [f"{first} {second}" for first in WORDS for second in WORDS[:6]]
TEXTS = strings(["", " ", *PAIRS])
COUNTS = np.ones(len(TEXTS), dtype=np.int64)
QUICK = Settings(epochs=40, rate=3e-3, length=32)


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small_base(tmp_path_factory.mktemp("base"))


@pytest.fixture(scope="module")
def small_batches() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(adaptation, "BATCH", {"cpu": 128})
        yield


@pytest.fixture(scope="module")
def adapted(base: Path, small_batches: None, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Row]:
    out = tmp_path_factory.mktemp("adapted") / "out"
    return out, adapt(base, TEXTS, COUNTS, out, QUICK)


def _weights(folder: Path) -> dict[str, npt.NDArray[Any]]:
    model = pretrained.encoder(folder, layers=0, random=False, seed=0)
    return {key: value.numpy() for key, value in model.state_dict().items()}


def test_what_it_learns_shows_on_texts_that_were_held_back(adapted: tuple[Path, Row]) -> None:
    out, record = adapted
    assert record["loss_after"] < record["loss_before"] - 0.5
    assert record["loss_after"] > np.log(6) / 2  # the other word says little of which it is: it did not see the answer
    assert (record["texts"], record["epochs"], record["ended_by"], record["new_head"]) == (60, 40.0, "epochs", True)
    assert read_json(out / RECORD) == record


def test_the_folder_is_a_base_model_of_the_same_shape(adapted: tuple[Path, Row], base: Path) -> None:
    out, _ = adapted
    before, after = _weights(base), _weights(out)
    assert before.keys() == after.keys()
    assert all(before[key].shape == after[key].shape for key in before)
    assert not np.allclose(before["encoder.layer.0.output.dense.weight"], after["encoder.layer.0.output.dense.weight"])
    assert (
        pretrained.tokenizer(out)("acute sepsis")["input_ids"]
        == pretrained.tokenizer(base)("acute sepsis")["input_ids"]
    )
    assert pretrained.fingerprint(out) != pretrained.fingerprint(base)


def test_the_words_that_are_chosen_among_are_the_words_that_are_read(adapted: tuple[Path, Row]) -> None:
    from transformers import AutoModelForMaskedLM

    model = AutoModelForMaskedLM.from_pretrained(adapted[0], local_files_only=True)
    assert model.get_output_embeddings().weight is model.get_input_embeddings().weight


def test_a_base_with_a_head_keeps_it(adapted: tuple[Path, Row], small_batches: None, tmp_path: Path) -> None:
    again = adapt(adapted[0], TEXTS, COUNTS, tmp_path / "again", replace(QUICK, epochs=1))
    assert not again["new_head"]
    assert again["loss_before"] == pytest.approx(adapted[1]["loss_after"], abs=0.02)


def test_equal_seeds_give_equal_models(base: Path, small_batches: None, tmp_path: Path) -> None:
    few = replace(QUICK, epochs=2)
    for folder, seed in (("one", 0), ("same", 0), ("other", 1)):
        adapt(base, TEXTS, COUNTS, tmp_path / folder, replace(few, seed=seed))
    one, same, other = (_weights(tmp_path / folder) for folder in ("one", "same", "other"))
    assert all((one[key] == same[key]).all() for key in one)
    assert not (one["encoder.layer.0.output.dense.weight"] == other["encoder.layer.0.output.dense.weight"]).all()


def test_texts_count_by_how_often_they_stand(base: Path, small_batches: None, tmp_path: Path) -> None:
    few = replace(QUICK, epochs=1)
    often = np.where(np.arange(len(TEXTS)) % 2, 400, 1)
    records = [adapt(base, TEXTS, counts, tmp_path / str(n), few) for n, counts in enumerate((COUNTS, often))]
    assert records[0]["loss_after"] != records[1]["loss_after"]


def test_a_limit_of_time_ends_it_early_and_says_so(base: Path, small_batches: None, tmp_path: Path) -> None:
    record = adapt(base, TEXTS, COUNTS, tmp_path / "out", replace(QUICK, seconds=1e-3))
    assert (record["ended_by"], record["steps"]) == ("time", 1)
    assert _weights(tmp_path / "out")


def test_a_failure_leaves_nothing(base: Path, tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match="at least two different texts with words"):
        adapt(base, strings(["", "sepsis", "  ", "\u2603"]), np.ones(4, dtype=np.int64), tmp_path / "out", QUICK)
    assert list(tmp_path.iterdir()) == []


def test_a_base_without_a_mask_is_refused(base: Path, tmp_path: Path) -> None:
    tokenizer = pretrained.tokenizer(base)
    tokenizer.mask_token = None
    for path in base.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    tokenizer.save_pretrained(tmp_path)
    with pytest.raises(SpaceError, match=r"must have a mask token .* has none"):
        adapt(tmp_path, TEXTS, COUNTS, tmp_path / "out", QUICK)


@pytest.mark.parametrize("kind", ["RobertaForMaskedLM", "DistilBertForMaskedLM", "ElectraForPreTraining"])
def test_other_kinds_of_base_are_adapted(kind: str, small_batches: None, tmp_path: Path) -> None:
    changed: dict[str, Any] = (
        {"dim": 32, "n_heads": 2, "hidden_dim": 48, "n_layers": 3} if kind.startswith("Distil") else {}
    )
    folder = small_base(tmp_path / "base", kind, **changed)
    record = adapt(folder, TEXTS, COUNTS, tmp_path / "out", replace(QUICK, epochs=8))
    assert record["loss_after"] < record["loss_before"]
    before, after = _weights(folder), _weights(tmp_path / "out")
    assert before.keys() == after.keys()
    assert any((before[key] != after[key]).any() for key in before)


def test_the_head_sees_the_masked_tokens_as_it_would_among_all(adapted: tuple[Path, Row]) -> None:
    import torch
    from transformers import AutoModelForMaskedLM

    learner = adaptation._Learner(adapted[0], replace(QUICK, seed=3))
    whole = AutoModelForMaskedLM.from_pretrained(adapted[0], local_files_only=True).eval()
    ids = torch.tensor([[2, 5, 4, 3], [2, 4, 3, 0]])
    learner._chosen, seen = ids == 4, (ids > 0).long()
    learner._model.eval()
    with torch.no_grad():
        some = learner._model(input_ids=ids, attention_mask=seen).logits[0]
        assert torch.allclose(some, whole(input_ids=ids, attention_mask=seen).logits[ids == 4], atol=1e-5)


def test_long_texts_are_read_in_runs_and_nothing_is_left_out() -> None:
    found = Tokens(np.arange(20, dtype=np.int32), np.array([0, 3, 12, 20]))
    runs = Runs.of(found, np.array([1.0, 2.0, 3.0]), np.array([0, 1]), 4)
    parts = [runs.tokens.ids[a:b].tolist() for a, b in zip(runs.tokens.first[:-1], runs.tokens.first[1:], strict=True)]
    assert parts == [[0, 1, 2], [3, 4, 5, 6], [7, 8, 9, 10], [11]]
    assert runs.weights.tolist() == [1.0, 2.0, 2.0, 2.0]
    assert runs.lengths.tolist() == [3, 4, 4, 1]


def test_every_text_with_words_is_asked_something() -> None:
    words = np.tile([False, True, True, True, False], (4_000, 1))
    words[0] = False
    chosen = choose(words, np.random.default_rng(0))
    assert not (chosen & ~words).any()
    assert not chosen[0].any()
    assert chosen[1:].any(axis=1).all()
    long = choose(np.ones((200, 400), dtype=bool), np.random.default_rng(0))
    assert long.mean() == pytest.approx(0.15, abs=0.01)


def test_chosen_words_are_mostly_hidden() -> None:
    ids = np.full((500, 40), 7)
    chosen = np.arange(40) < 20
    shown = hide(ids, np.broadcast_to(chosen, ids.shape), 4, 1_000, np.random.default_rng(0))
    assert (shown[:, 20:] == 7).all()
    assert (shown[:, :20] == 4).mean() == pytest.approx(0.8, abs=0.02)
    assert (shown[:, :20] == 7).mean() == pytest.approx(0.1, abs=0.02)


def test_the_name_knows_all_that_shapes_the_result(base: Path, tmp_path: Path) -> None:
    other = small_base(tmp_path, layers=2)
    names = {
        name(base, TEXTS, COUNTS, QUICK),
        name(other, TEXTS, COUNTS, QUICK),
        name(base, TEXTS[1:], COUNTS[1:], QUICK),
        name(base, TEXTS, COUNTS + 1, QUICK),
        *(
            name(base, TEXTS, COUNTS, replace(QUICK, **changed))
            for changed in ({"seconds": 9.0}, {"seed": 1}, {"epochs": 3}, {"device": "gpu"})
        ),
    }
    assert len(names) == 8
    assert name(base, TEXTS, COUNTS, replace(QUICK, threads=8)) in names
