from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from small_base import small_base

from harness.errors import SpaceError
from harness.families.torch_parts.pretrained import (
    PACKAGED,
    base_folder,
    configuration,
    encoder,
    fingerprint,
    layers_of,
    room,
    tokenizer,
)
from harness.families.torch_parts.tokens import tokenizer_key


@pytest.fixture(scope="module")
def bert(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small_base(tmp_path_factory.mktemp("bert"))


def _width(model: object) -> tuple[int, ...]:
    import torch

    ids = torch.tensor([[2, 5, 6, 3], [2, 7, 3, 0]])
    return tuple(model(input_ids=ids, attention_mask=(ids > 0).long()).last_hidden_state.shape)  # type: ignore[operator]


def test_the_packaged_base_is_found_without_torch() -> None:
    code = (
        "import sys; from harness.families.torch_parts.pretrained import base_folder, fingerprint;"
        f"folder = base_folder({PACKAGED!r}); assert fingerprint(folder); assert (folder / 'config.json').is_file();"
        "assert not {'torch', 'transformers', 'tensorflow'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_local_folder_is_expanded(bert: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MODELS", str(bert.parent))
    monkeypatch.setenv("HOME", str(bert.parent))
    assert base_folder(f"${{MODELS}}/{bert.name}") == base_folder(f"~/{bert.name}") == base_folder(str(bert)) == bert


@pytest.mark.parametrize("name", ["camembert-base", "models/here", "/nowhere/at/all", "~nobody-here/model"])
def test_what_is_no_local_folder_is_refused(name: str) -> None:
    with pytest.raises(SpaceError, match=f"base must be {PACKAGED} or the absolute path .* but got '{name}'"):
        base_folder(name)


def test_a_variable_that_is_not_set_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MODELS", raising=False)
    with pytest.raises(SpaceError, match="base needs the environment variable MODELS, which is not set"):
        base_folder("${MODELS}/bert")


@pytest.mark.parametrize("name", ["config.json", "tokenizer.json", "model.safetensors"])
def test_the_fingerprint_knows_every_part(bert: Path, tmp_path: Path, name: str) -> None:
    copy = tmp_path / "copy"
    copy.mkdir()
    for path in bert.iterdir():
        (copy / path.name).write_bytes(path.read_bytes())
    (copy / "README.md").write_text("says nothing of the model")
    assert fingerprint(copy) == fingerprint(bert)
    (copy / name).write_bytes((copy / name).read_bytes() + b" ")
    assert fingerprint(copy) != fingerprint(bert)


KINDS: dict[str, dict[str, Any]] = {
    "BertForMaskedLM": {},
    "RobertaModel": {},
    "CamembertForMaskedLM": {},
    "ElectraForPreTraining": {"embedding_size": 16},
    "DistilBertForMaskedLM": {"dim": 32, "n_heads": 2, "hidden_dim": 48, "n_layers": 3},
    "DebertaV2Model": {},
    "ModernBertForMaskedLM": {"cls_token_id": 2, "sep_token_id": 3, "bos_token_id": 2, "eos_token_id": 3},
}


@pytest.mark.parametrize("kind", KINDS)
def test_the_first_layers_of_any_encoder_are_kept(tmp_path: Path, kind: str) -> None:
    import torch

    folder = small_base(tmp_path, kind, **KINDS[kind])
    whole, part = (encoder(folder, layers=layers, random=False, seed=0) for layers in (0, 2))
    assert (len(layers_of(whole)), len(layers_of(part)), part.config.num_hidden_layers) == (3, 2, 2)
    assert getattr(whole, "pooler", None) is None
    for mine, theirs in zip(layers_of(part), layers_of(whole), strict=False):
        for a, b in zip(mine.parameters(), theirs.parameters(), strict=True):
            assert a.dtype == torch.float32
            assert torch.equal(a, b)
    assert _width(part) == (2, 4, 32)
    part.save_pretrained(tmp_path / "part")
    assert len(layers_of(encoder(tmp_path / "part", layers=0, random=False, seed=0))) == 2


def test_fresh_weights_follow_the_seed_and_leave_the_callers_alone(bert: Path) -> None:
    import torch

    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    first, again, other = (encoder(bert, layers=2, random=True, seed=seed) for seed in (1, 1, 2))
    assert torch.equal(torch.rand(3), expected)
    name = "encoder.layer.1.output.dense.weight"
    weight = first.state_dict()[name]
    assert torch.equal(weight, again.state_dict()[name])
    assert not torch.equal(weight, other.state_dict()[name])
    assert not torch.equal(weight, encoder(bert, layers=2, random=False, seed=1).state_dict()[name])
    assert first.config.to_dict() == encoder(bert, layers=2, random=False, seed=1).config.to_dict()


def test_more_layers_than_there_are_are_refused(bert: Path) -> None:
    with pytest.raises(SpaceError, match=r"layers must be at most 3 .* but got 4"):
        encoder(bert, layers=4, random=False, seed=0)


def test_layers_that_are_one_and_the_same_are_refused(tmp_path: Path) -> None:
    folder = small_base(tmp_path, "AlbertModel", embedding_size=16)
    with pytest.raises(SpaceError, match="must be an encoder with a list of layers, but got albert"):
        encoder(folder, layers=0, random=False, seed=0)


def test_what_is_no_encoder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"model_type": "gpt2"}')
    with pytest.raises(SpaceError, match=r"must be an encoder such as BERT or RoBERTa, but .* is gpt2"):
        configuration(tmp_path)
    (tmp_path / "config.json").write_text('{"model_type": "unheard-of"}')
    with pytest.raises(SpaceError, match="must be a model that transformers knows"):
        configuration(tmp_path)


def test_a_folder_without_a_tokenizer_is_refused(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"model_type": "bert"}')
    with pytest.raises(SpaceError, match=r"base must have a tokenizer .*, but .* has none"):
        tokenizer(tmp_path)


def test_a_tokenizer_neither_cuts_nor_pads_by_itself() -> None:
    """The packaged one's folder asks for both, until it is first called without: then its key would be another."""
    found = tokenizer(base_folder(PACKAGED))
    before = tokenizer_key(found)
    found(["a text"], truncation=False, padding=False)
    assert tokenizer_key(found) == before


def test_no_more_tokens_than_the_model_reads(bert: Path) -> None:
    assert room(configuration(bert), tokenizer(bert)) == 64
