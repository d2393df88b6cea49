"""A small T5 with fresh weights (PyTorch, transformers) that learns fast.

It reads words as the sum of their hashed parts, so that a misspelt word is still nearly itself; it begins as one that
writes what it reads; and each code also looks at the text by itself, whatever has been written.

References
----------
Raffel and others. Exploring the Limits of Transfer Learning with a Unified Text-to-Text Transformer. JMLR 2020; T5.
Bojanowski, Grave, Joulin, Mikolov. Enriching Word Vectors with Subword Information. TACL 2017; parts of words.
Mullenbach, Wiegreffe, Duke, Sun, Eisenstein. Explainable Prediction of Medical Codes from Clinical Text. NAACL 2018.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_array

from harness.families.torch_parts import pretrained

HEAD_SIZE = 32  # of attention
# Of networks that begin by copying: vectors small enough to move, what is read louder than what was written, and how
# far codes of the same words begin apart.
_UNSEEN = -1e4  # instead of minus infinity, as a text may have no word at all
_SMALL, _LOUD, _DOUBT = 0.3, 6.0, 0.3


@dataclass(frozen=True, slots=True)
class Sizes:
    """How large a network is.

    Attributes
    ----------
    tokens : that it writes, and reads where ``features`` is 0
    width : of its vectors
    layers, decoder_layers : of its encoder and its decoder
    features : vectors that words are made of
    first_code, n_codes : the tokens of codes that look at the text by themselves; none where ``n_codes`` is 0
    """

    tokens: int
    width: int
    layers: int
    decoder_layers: int
    dropout: float = 0.1
    features: int = 0
    first_code: int = 0
    n_codes: int = 0


def fresh(sizes: Sizes, *, pad: int, end: int, seed: int) -> Any:
    """A network with weights drawn under a seed."""
    import torch
    from transformers import T5Config

    pretrained.quiet()
    config = T5Config(
        vocab_size=sizes.tokens,
        d_model=sizes.width,
        d_kv=HEAD_SIZE,
        d_ff=4 * sizes.width,
        num_layers=sizes.layers,
        num_decoder_layers=sizes.decoder_layers,
        num_heads=max(1, sizes.width // HEAD_SIZE),
        dropout_rate=sizes.dropout,
        pad_token_id=pad,
        eos_token_id=end,
        decoder_start_token_id=pad,
        word_features=sizes.features,
        first_code=sizes.first_code,
        n_codes=sizes.n_codes,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return _kind(sizes.features > 0)(config)


def begin_by_copying(model: Any, told: csr_array, log_shares: npt.NDArray[np.float64]) -> None:
    """Let a fresh network begin as one that writes what it reads, and a code where it reads the words of its terms.

    Its decoder looks at the encoder's states as they are, and the vector of what it writes is the sum of the vectors
    of what it would read there. From random matrices and vectors this took two to three times as many steps to find out.

    Parameters
    ----------
    told : (n_tokens, n_features) what would be read where each token is written
    log_shares : (n_codes,) logarithm of the share of entries that each code has
    """
    import torch

    with torch.no_grad():
        for layer in model.decoder.block:
            attention = layer.layer[1].EncDecAttention
            torch.nn.init.eye_(attention.v.weight)
            torch.nn.init.eye_(attention.o.weight).mul_(_LOUD)
        table = (model.encoder.embed_tokens if model.config.word_features else model.shared).weight
        table.mul_(_SMALL)
        written = model.shared.weight
        own = written if table is written else _SMALL * written
        read = torch.from_numpy(told.astype(np.float32) @ table.numpy())
        some = torch.from_numpy(np.diff(told.indptr) > 0)[:, None]
        written.copy_(torch.where(some, read + _DOUBT * own, own))
        model.decoder.final_layer_norm.weight.mul_(1 / _SMALL)
        if model.config.n_codes:
            model.alone.bias.copy_(torch.from_numpy(log_shares.astype(np.float32)))


def load(folder: Path) -> Any:
    """The network that ``save_pretrained`` wrote, in fp32."""
    import torch
    from transformers import T5Config

    pretrained.quiet()
    config = T5Config.from_pretrained(folder, local_files_only=True)
    kind = _kind(config.word_features > 0)
    return kind.from_pretrained(folder, config=config, local_files_only=True, dtype=torch.float32)


@cache
def _kind(words: bool) -> Any:
    """The class of a network that reads words or tokens; made when it is first wanted, as PyTorch is imported then."""
    import torch
    from torch import nn
    from transformers import T5ForConditionalGeneration

    written = ("decoder.embed_tokens.weight", "lm_head.weight")
    tied = dict.fromkeys(written if words else (*written, "encoder.embed_tokens.weight"), "shared.weight")

    class WordParts(nn.Module):  # type: ignore[misc]
        """From numbers of words, (n, length), to their vectors, (n, length, width)."""

        def __init__(self, features: int, width: int) -> None:
            super().__init__()
            self.weight = nn.Parameter(torch.randn(features, width))
            self._first, self._part, self._share = (torch.zeros(0) for _ in range(3))

        def tell(self, parts: csr_array) -> None:
            """From now on words are those of these rows."""
            device = self.weight.device
            self._first = torch.from_numpy(parts.indptr.astype(np.int64)).to(device)
            self._part = torch.from_numpy(parts.indices.astype(np.int64)).to(device)
            self._share = torch.from_numpy(parts.data.astype(np.float32)).to(device)

        def forward(self, words: Any) -> Any:
            present, place = torch.unique(words, return_inverse=True)
            begin, count = self._first[present], self._first[present + 1] - self._first[present]
            offset = count.cumsum(0) - count
            inner = torch.arange(int(count.sum()), device=words.device) + torch.repeat_interleave(begin - offset, count)
            vectors = nn.functional.embedding_bag(
                self._part[inner], self.weight, offset, mode="sum", per_sample_weights=self._share[inner]
            )
            return vectors[place]

    class Alone(nn.Module):  # type: ignore[misc]
        """A logit of each code by the places of the text that it looks at, (n, n_codes)."""

        def __init__(self, codes: int, width: int) -> None:
            super().__init__()
            self.looks = nn.Parameter(torch.randn(codes, width) * width**-0.5)
            self.says = nn.Parameter(torch.randn(codes, width) * width**-0.5)
            self.bias = nn.Parameter(torch.zeros(codes))

        def forward(self, hidden: Any, mask: Any) -> Any:
            seen = (hidden @ self.looks.T).masked_fill(~mask.bool()[:, :, None], _UNSEEN)
            return (seen.softmax(1) * (hidden @ self.says.T)).sum(1) + self.bias

    class SmallT5(T5ForConditionalGeneration):  # type: ignore[misc]
        """T5 of which codes also look at the text by themselves."""

        _tied_weights_keys = tied

        def __init__(self, config: Any) -> None:
            super().__init__(config)
            if config.word_features:
                self.encoder.embed_tokens = WordParts(config.word_features, config.d_model)
            if config.n_codes:
                self.alone = Alone(config.n_codes, config.d_model)

        def _init_weights(self, module: Any) -> None:
            if not isinstance(module, (WordParts, Alone)):
                super()._init_weights(module)

        def forward(
            self, input_ids: Any = None, attention_mask: Any = None, encoder_outputs: Any = None, **more: Any
        ) -> Any:
            if encoder_outputs is None:
                encoder_outputs = self.encoder(input_ids=input_ids, attention_mask=attention_mask)
            found = super().forward(attention_mask=attention_mask, encoder_outputs=encoder_outputs, **more)
            if self.config.n_codes:
                alone = self.alone(encoder_outputs[0], attention_mask)
                first = self.config.first_code
                after = found.logits.shape[-1] - first - self.config.n_codes
                found.logits = found.logits + nn.functional.pad(alone, (first, after))[:, None]
            return found

    return SmallT5
