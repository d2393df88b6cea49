"""Writing under a grammar (PyTorch, ``generate`` of transformers), and the scores of codes that come of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_array

from harness.families.family import probabilities, sparsify
from harness.families.torch_parts import torch_runtime
from harness.families.torch_parts.grammar import FOUND, Constrained, Grammar
from harness.families.torch_parts.outputs import Vocabulary, Writes

LEAST = 1e-30  # of a probability, before its logarithm is taken
UNSEEN = 1e-3  # how much of the probability that all outputs lack counts against what they hold


@dataclass(frozen=True, slots=True)
class Said:
    """What was written of some texts.

    Attributes
    ----------
    ids : (n, length) the surest output of each, without the decoder's first token
    scores : (n, n_labels)
    log_probability : (n,) of the surest output
    gap : (n,) to that of the second, or None without beams
    """

    ids: npt.NDArray[np.int64]
    scores: csr_array
    log_probability: npt.NDArray[np.float32]
    gap: npt.NDArray[np.float32] | None


def decode(
    network: Any,
    ids: npt.NDArray[np.int64],
    mask: npt.NDArray[np.bool_],
    grammar: Grammar,
    era: npt.NDArray[np.integer[Any]],
    vocabulary: Vocabulary,
    writes: Writes,
    *,
    longest: int,
    beams: int = 1,
) -> Said:
    """Write of some texts.

    Without beams the probability of a code is that of its being written at any place of the surest output, or, where
    terms stand between codes, that of its own term and itself. With beams it is the share of the outputs found that
    hold it, each by its probability.

    Parameters
    ----------
    ids, mask : (n, length) tokens of texts
    era : (n,)
    longest : tokens of an output with its end
    """
    import torch
    from transformers import DynamicCache, EncoderDecoderCache, GenerationConfig, LogitsProcessorList

    device = network.device
    constrained = Constrained(grammar, era, beams=beams, max_length=longest + 1, pad=vocabulary.pad)
    settings = GenerationConfig(
        max_length=longest + 1,
        num_beams=beams,
        num_return_sequences=beams,
        length_penalty=0.0,
        do_sample=False,
        use_cache=True,
        pad_token_id=vocabulary.pad,
        eos_token_id=vocabulary.end,
        decoder_start_token_id=vocabulary.start(writes),
        output_scores=True,
        return_dict_in_generate=True,
    )
    with torch.inference_mode(), torch_runtime.scoring(device.type):
        found = network.generate(
            input_ids=torch.from_numpy(ids).to(device),
            attention_mask=torch.from_numpy(mask).to(device),
            # generate's own has too few layers for a T5 whose decoder is deeper than its encoder (transformers 5.23)
            past_key_values=EncoderDecoderCache(DynamicCache(), DynamicCache()),
            generation_config=settings,
            logits_processor=LogitsProcessorList([constrained]),
        )
        written = found.sequences[:, 1:]
        if beams == 1:
            return _greedy(written, found.scores, vocabulary, writes)
        return _beams(
            written.view(len(ids), beams, -1), found.sequences_scores.view(-1, beams), found.scores, vocabulary
        )


def _greedy(written: Any, scores: Any, vocabulary: Vocabulary, writes: Writes) -> Said:
    """Scores along the surest outputs.

    A probability near 1 is counted by what it lacks, as single precision has no room between it and certainty.
    """
    import torch

    n, first, n_labels = len(written), vocabulary.first_code, vocabulary.n_labels
    lacks = torch.zeros(n, n_labels, dtype=torch.float64, device=written.device)  # log of 1 - P
    sure = torch.zeros(n, dtype=torch.float64, device=written.device)
    entry = torch.zeros_like(sure)  # since the last code
    going = torch.ones(n, dtype=torch.bool, device=written.device)
    for place, logits in enumerate(scores):
        p = torch.softmax(logits.double(), -1)
        token = written[:, place]
        other = p.scatter(1, token[:, None], 0.0).sum(1)  # all but what was written
        own = torch.where(going, torch.log1p(-other.clamp(max=1 - LEAST)), 0.0)
        sure, entry = sure + own, entry + own
        coded = going & (token >= first) & (token < first + n_labels)
        column = (token - first).clamp(0, n_labels - 1)[:, None]
        if writes == "codes":
            own_codes = p[:, first : first + n_labels] * going[:, None]
            lacked = torch.log1p(-own_codes.clamp(max=1 - 1e-12))
            exact = torch.log(other.clamp(min=LEAST))[:, None]
            lacked.scatter_(1, column, torch.where(coded[:, None], exact, lacked.gather(1, column)))
            lacks += lacked
        else:
            lacked = torch.log((-torch.expm1(entry)).clamp(min=LEAST))[:, None]
            lacks.scatter_add_(1, column, torch.where(coded[:, None], lacked, 0.0))
            entry = torch.where(coded, 0.0, entry)
        going = going & (token != vocabulary.end)
    return Said(written.cpu().numpy(), _scores(lacks), sure.float().cpu().numpy(), None)


def _beams(written: Any, log_probability: Any, scores: Any, vocabulary: Vocabulary) -> Said:
    """Scores by the outputs that hold a code; what no output found holds shares in the probability that all lack.

    Some of that probability counts as an output without codes, so that a code of all outputs is not certain.

    Parameters
    ----------
    written : (n, beams, length)
    log_probability : (n, beams), the surest first
    """
    import torch

    n, beams, _ = written.shape
    first, n_labels = vocabulary.first_code, vocabulary.n_labels
    sure = log_probability.double()
    there = sure > FOUND
    found = torch.where(there, sure, -torch.inf)
    share = torch.softmax(found, 1)
    lacking = (1.0 - found.exp().sum(1)).clamp(min=1e-12)
    holds = torch.zeros(n, beams, n_labels + 1, dtype=torch.bool, device=written.device)
    column = torch.where((written >= first) & (written < first + n_labels), written - first, n_labels)
    holds.scatter_(2, column, True)
    holds = holds[:, :, :n_labels] & there[:, :, None]
    unseen = lacking[:, None] * UNSEEN
    lacks = ((share[:, :, None] * ~holds).sum(1) + unseen) / (1.0 + unseen)
    beyond = torch.softmax(scores[0].double(), -1).view(n, -1, scores[0].shape[-1])[:, 0, first : first + n_labels]
    lacks = torch.where(holds.any(1), lacks, 1.0 - beyond * lacking[:, None])
    gap = torch.where(there[:, 1], sure[:, 0] - sure[:, 1], -FOUND) if beams > 1 else None
    return Said(
        written[:, 0].cpu().numpy(),
        _scores(torch.log(lacks.clamp(min=LEAST))),
        sure[:, 0].float().cpu().numpy(),
        None if gap is None else gap.float().cpu().numpy(),
    )


def _scores(lacks: Any) -> csr_array:
    """From the logarithm of what each probability lacks of 1, (n, n_labels), to scores."""
    import torch

    p = -torch.expm1(lacks)
    logits = torch.log(p.clamp(min=LEAST)) - lacks
    return sparsify(probabilities(logits.cpu().numpy()))
