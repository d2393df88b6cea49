"""Base models of a few thousand weights, written as a Hugging Face folder would be downloaded."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
WORDS = ("acute", "myocardial", "infarction", "sepsis", "pneumonia", "of", "the", "lung", "heart", "failure")
SMALL = {"hidden_size": 32, "num_attention_heads": 2, "intermediate_size": 48, "max_position_embeddings": 66}


def small_base(
    folder: Path, kind: str = "BertModel", layers: int = 3, more: Sequence[str] = (), **changed: Any
) -> Path:
    """Write a model of the class ``kind`` of transformers, and a tokenizer that knows some words and all letters."""
    import torch
    import transformers

    tokenizer = _tokenizer([*WORDS, *more])
    model = getattr(transformers, kind)
    sizes = {**SMALL, "num_hidden_layers": layers, "vocab_size": len(tokenizer), "pad_token_id": 0, **changed}
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model(model.config_class(**sizes)).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def _tokenizer(words: Sequence[str]) -> Any:
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    letters = "abcdefghijklmnopqrstuvwxyz0123456789"
    entries = dict.fromkeys([*SPECIAL, *words, *letters, *(f"##{letter}" for letter in letters)])
    backend = Tokenizer(models.WordPiece({entry: place for place, entry in enumerate(entries)}, unk_token="[UNK]"))  # noqa: S106
    backend.normalizer = normalizers.BertNormalizer(lowercase=True)
    backend.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    backend.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    names = dict(zip(("pad_token", "unk_token", "cls_token", "sep_token", "mask_token"), SPECIAL, strict=True))
    return PreTrainedTokenizerFast(tokenizer_object=backend, model_max_length=64, **names)


BODY = {"vocab_size": 50, "hidden_size": 16, "num_attention_heads": 2, "intermediate_size": 32}


def small_body(kind: str, layers: int = 3) -> Any:
    """An encoder of a few hundred weights, of a kind that AutoConfig knows, without its pooler."""
    import torch
    from transformers import AutoConfig, AutoModel

    torch.manual_seed(0)
    more: dict[str, Any] = {**BODY, "num_hidden_layers": layers, "pad_token_id": 0}
    if kind == "distilbert":
        more = {"vocab_size": 50, "dim": 16, "n_heads": 2, "hidden_dim": 32, "n_layers": layers, "pad_token_id": 0}
    if kind == "electra":
        more["embedding_size"] = 8
    if kind == "modernbert":
        more |= {"bos_token_id": 1, "eos_token_id": 2, "cls_token_id": 1, "sep_token_id": 2}
    model = AutoModel.from_config(AutoConfig.for_model(kind, **more)).eval()
    if hasattr(model, "pooler"):
        model.pooler = None
    return model
