"""Encoder-decoders of transformers: local folders, a fresh decoder on a pretrained encoder.

References
----------
Rothe, Narayan, Severyn. Leveraging Pre-trained Checkpoints for Sequence Generation Tasks. TACL 2020.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from harness.errors import HarnessError, SpaceError
from harness.families.torch_parts import pretrained, small_t5
from harness.families.torch_parts.small_t5 import HEAD_SIZE, Sizes

PLACES = 512  # that a fresh decoder can write to
_NO_LIMIT = 2**31


def is_whole(folder: Path) -> bool:
    """Whether a folder holds an encoder-decoder, whose tokenizer then writes too.

    Raises
    ------
    SpaceError
        It holds neither that nor an encoder.
    """
    from transformers import MODEL_FOR_SEQ_TO_SEQ_CAUSAL_LM_MAPPING

    config = pretrained.described(folder)
    if getattr(config, "is_encoder_decoder", False):
        if type(config) not in MODEL_FOR_SEQ_TO_SEQ_CAUSAL_LM_MAPPING:
            raise SpaceError(f"base must be one that writes such as T5 or BART, but {folder} is {config.model_type}")
        return True
    pretrained.configuration(folder)
    return False


def whole(folder: Path, size: int, seed: int) -> Any:
    """The encoder-decoder in a folder, in fp32, with fresh vectors for tokens beyond its own up to ``size``.

    Raises
    ------
    SpaceError
        Its weights cannot be read.
    """
    import torch
    from transformers import AutoModelForSeq2SeqLM, GenerationConfig

    pretrained.quiet()
    with torch.random.fork_rng(devices=[]), _weights_of(folder):
        torch.manual_seed(seed)
        model = AutoModelForSeq2SeqLM.from_pretrained(folder, local_files_only=True, dtype=torch.float32)
        model.resize_token_embeddings(size, mean_resizing=False)
    # Its folder's habits of writing (forced tokens, least lengths, ...) would be taken up where none are named.
    model.generation_config = GenerationConfig()
    return model


def encoder(folder: Path, layers: int, seed: int) -> Any:
    """The encoder in a folder, as :func:`.pretrained.encoder` has it.

    Raises
    ------
    SpaceError
        Its weights cannot be read, or it has fewer layers.
    """
    pretrained.quiet()
    with _weights_of(folder):
        return pretrained.encoder(folder, layers=layers, random=False, seed=seed)


@contextmanager
def _weights_of(folder: Path) -> Iterator[None]:
    from safetensors import SafetensorError

    try:
        yield
    except (OSError, ValueError, SafetensorError) as error:
        if isinstance(error, HarnessError):
            raise
        raise SpaceError(
            f"base must be a folder with weights, but {folder} has none to read ({type(error).__name__})"
        ) from None


def tokenizer(folder: Path, *, writes: bool) -> Any:
    """The tokenizer in a folder, which reads and perhaps writes too.

    Raises
    ------
    SpaceError
        There is none, or it has no padding, or no end although it writes.
    """
    found = pretrained.tokenizer(folder)
    if found.pad_token_id is None or (writes and found.eos_token_id is None):
        wanted = "a padding and an end" if writes else "a padding"
        raise SpaceError(f"base must have a tokenizer with {wanted}, but that of {folder} has none")
    return found


def places(model: Any, folder: Path, longest: int) -> int:
    """How many tokens an encoder-decoder reads and writes at most; T5 and its like know no limit.

    Raises
    ------
    SpaceError
        It cannot write ``longest`` tokens.
    """
    found = int(getattr(model.config, "max_position_embeddings", None) or _NO_LIMIT)
    if longest > found:
        raise SpaceError(f"longest must be at most {found} for the base {folder}, but got {longest}")
    return found


def on_encoder(encoder: Any, more: int, sizes: Sizes, *, pad: int, end: int, seed: int) -> Any:
    """A fresh decoder that looks at a pretrained encoder, which reads ``more`` tokens than before."""
    import torch
    from transformers import BertConfig, BertLMHeadModel, EncoderDecoderConfig, EncoderDecoderModel

    config = BertConfig(
        vocab_size=sizes.tokens,
        hidden_size=sizes.width,
        num_hidden_layers=sizes.decoder_layers,
        num_attention_heads=max(1, sizes.width // HEAD_SIZE),
        intermediate_size=4 * sizes.width,
        hidden_dropout_prob=sizes.dropout,
        attention_probs_dropout_prob=sizes.dropout,
        max_position_embeddings=PLACES,
        pad_token_id=pad,
        eos_token_id=end,
        bos_token_id=pad,
        is_decoder=True,
        add_cross_attention=True,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        if more:
            encoder.resize_token_embeddings(encoder.get_input_embeddings().num_embeddings + more, mean_resizing=False)
        encoder.config._name_or_path = ""  # else its folder on this machine would be saved with the model
        both = EncoderDecoderConfig.from_encoder_decoder_configs(
            encoder.config, config, pad_token_id=pad, eos_token_id=end, decoder_start_token_id=pad
        )
        return EncoderDecoderModel(config=both, encoder=encoder, decoder=BertLMHeadModel(config))


def load(folder: Path) -> Any:
    """The network that ``save_pretrained`` wrote, in fp32, ready to write."""
    import torch
    from transformers import AutoConfig, AutoModelForSeq2SeqLM, EncoderDecoderConfig, EncoderDecoderModel

    pretrained.quiet()
    config = AutoConfig.from_pretrained(folder, local_files_only=True)
    if hasattr(config, "word_features"):
        return small_t5.load(folder).eval()
    kind = EncoderDecoderModel if isinstance(config, EncoderDecoderConfig) else AutoModelForSeq2SeqLM
    return kind.from_pretrained(folder, local_files_only=True, dtype=torch.float32).eval()


def drop_out(model: Any, share: float) -> None:
    """Let every part of a model drop out so much while it learns."""
    import torch

    for module in model.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = share
        elif isinstance(getattr(module, "dropout", None), float):
            module.dropout = share  # BART's and its like
