"""Encoder-decoders of transformers: fresh small ones, local folders, a fresh decoder on a pretrained encoder.

References
----------
Raffel and others. Exploring the Limits of Transfer Learning with a Unified Text-to-Text Transformer. JMLR 2020; T5.
Rothe, Narayan, Severyn. Leveraging Pre-trained Checkpoints for Sequence Generation Tasks. TACL 2020.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from scipy.sparse import csr_array

from harness.errors import SpaceError
from harness.families.torch_parts import pretrained

HEAD_SIZE = 32  # of attention in fresh networks
PLACES = 512  # that a fresh decoder can write to
# Of networks that begin by copying: vectors small enough to move, what is read louder than what was written, and how
# far codes of the same words begin apart.
_SMALL, _LOUD, _DOUBT = 0.3, 6.0, 0.3


@dataclass(frozen=True, slots=True)
class Shape:
    """The size of what is fresh: ``width`` of its vectors, ``layers`` of an encoder, ``decoder_layers``."""

    width: int
    layers: int
    decoder_layers: int
    dropout: float


def is_whole(folder: Path) -> bool:
    """Whether a folder holds an encoder-decoder, whose tokenizer then writes too.

    Raises
    ------
    SpaceError
        It holds neither that nor an encoder.
    """
    from transformers import MODEL_FOR_SEQ_TO_SEQ_CAUSAL_LM_MAPPING, AutoConfig

    try:
        config = AutoConfig.from_pretrained(folder, local_files_only=True)
    except (OSError, ValueError, KeyError) as error:
        raise SpaceError(
            f"base must be a model that transformers knows, but {folder} is none ({type(error).__name__})"
        ) from None
    if getattr(config, "is_encoder_decoder", False):
        if type(config) not in MODEL_FOR_SEQ_TO_SEQ_CAUSAL_LM_MAPPING:
            raise SpaceError(f"base must be one that writes such as T5 or BART, but {folder} is {config.model_type}")
        return True
    pretrained.configuration(folder)
    return False


def fresh(size: int, shape: Shape, *, pad: int, end: int, seed: int) -> Any:
    """A T5 with fresh weights over ``size`` tokens, read and written alike."""
    import torch
    from transformers import T5Config, T5ForConditionalGeneration

    pretrained.quiet()
    config = T5Config(
        vocab_size=size,
        d_model=shape.width,
        d_kv=HEAD_SIZE,
        d_ff=4 * shape.width,
        num_layers=shape.layers,
        num_decoder_layers=shape.decoder_layers,
        num_heads=max(1, shape.width // HEAD_SIZE),
        dropout_rate=shape.dropout,
        pad_token_id=pad,
        eos_token_id=end,
        decoder_start_token_id=pad,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return T5ForConditionalGeneration(config)


def begin_by_copying(model: Any, codes: csr_array, first_code: int) -> None:
    """Let a fresh T5 begin as one that writes what it reads, and a code where it reads the words of its terms.

    Its decoder looks at the encoder's states as they are, and a code's vector is the sum of those of its terms' pieces.
    From random matrices and vectors this took two to three times as many steps to find out.

    Parameters
    ----------
    codes : (n_labels, n_tokens) how much each token tells of each code
    first_code : the token of the first label
    """
    import torch

    with torch.no_grad():
        for layer in model.decoder.block:
            attention = layer.layer[1].EncDecAttention
            torch.nn.init.eye_(attention.v.weight)
            torch.nn.init.eye_(attention.o.weight).mul_(_LOUD)
        table = model.shared.weight.mul_(_SMALL)
        model.decoder.final_layer_norm.weight.mul_(1 / _SMALL)
        own = slice(first_code, first_code + codes.shape[0])
        told = torch.from_numpy(codes.astype(np.float32) @ table.numpy())
        table[own] = told + _DOUBT * table[own]


def whole(folder: Path, size: int, seed: int) -> Any:
    """The encoder-decoder in a folder, in fp32, with fresh vectors for tokens beyond its own up to ``size``.

    Raises
    ------
    SpaceError
        Its weights cannot be read.
    """
    import torch
    from transformers import AutoModelForSeq2SeqLM

    pretrained.quiet()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        try:
            model = AutoModelForSeq2SeqLM.from_pretrained(folder, local_files_only=True, dtype=torch.float32)
        except (OSError, ValueError) as error:
            raise SpaceError(
                f"base must be a folder with weights, but {folder} has none to read ({type(error).__name__})"
            ) from None
        model.resize_token_embeddings(size, mean_resizing=False)
    return model


def on_encoder(encoder: Any, more: int, size: int, shape: Shape, *, pad: int, end: int, seed: int) -> Any:
    """A fresh decoder over ``size`` tokens that looks at a pretrained encoder, which reads ``more`` tokens than before."""
    import torch
    from transformers import BertConfig, BertLMHeadModel, EncoderDecoderConfig, EncoderDecoderModel

    config = BertConfig(
        vocab_size=size,
        hidden_size=shape.width,
        num_hidden_layers=shape.decoder_layers,
        num_attention_heads=max(1, shape.width // HEAD_SIZE),
        intermediate_size=4 * shape.width,
        hidden_dropout_prob=shape.dropout,
        attention_probs_dropout_prob=shape.dropout,
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
        both = EncoderDecoderConfig.from_encoder_decoder_configs(
            encoder.config, config, pad_token_id=pad, eos_token_id=end, decoder_start_token_id=pad
        )
        return EncoderDecoderModel(config=both, encoder=encoder, decoder=BertLMHeadModel(config))


def load(folder: Path) -> Any:
    """The model that ``save_pretrained`` wrote, in fp32, ready to write."""
    import torch
    from transformers import AutoConfig, AutoModelForSeq2SeqLM, EncoderDecoderConfig, EncoderDecoderModel

    pretrained.quiet()
    config = AutoConfig.from_pretrained(folder, local_files_only=True)
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
