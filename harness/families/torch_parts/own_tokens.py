"""A tokenizer of a model's own, learnt from the texts of its training years (package tokenizers)."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from typing import Any, Literal

import pyarrow as pa

Pieces = Literal["subwords", "characters"]

PAD, END, SEPARATOR, UNKNOWN = "<pad>", "</s>", "<sep>", "<unk>"
MARK = "▁"  # before a word's first piece
MOST_TEXTS = 1_000_000  # that pieces are learnt from


def learnt(texts: Iterable[pa.Array], pieces: Pieces, size: int) -> Any:
    """A fast tokenizer of transformers, which ends each text with ``</s>``.

    Its pieces are small letters without accents, and, as sub-words, the ``size`` commonest runs of them within a word.

    Parameters
    ----------
    texts : columns of strings, of which the first million is read

    References
    ----------
    Sennrich, Haddow, Birch. Neural Machine Translation of Rare Words with Subword Units. ACL 2016; byte-pair encoding.
    """
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors, trainers
    from transformers import PreTrainedTokenizerFast

    found = Tokenizer(models.BPE(unk_token=UNKNOWN))
    found.normalizer = normalizers.Sequence([normalizers.NFKD(), normalizers.StripAccents(), normalizers.Lowercase()])
    # A word begins with a mark of its own, so that a letter is one piece wherever it stands.
    found.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.BertPreTokenizer(), pre_tokenizers.Metaspace(MARK, prepend_scheme="always")]
    )
    trainer = trainers.BpeTrainer(
        vocab_size=size if pieces == "subwords" else 0,  # 0: the alphabet alone
        special_tokens=[PAD, END, SEPARATOR, UNKNOWN],
        show_progress=False,
    )
    columns = itertools.chain.from_iterable(column.to_pylist() for column in texts)
    found.train_from_iterator(itertools.islice(columns, MOST_TEXTS), trainer)
    found.post_processor = processors.TemplateProcessing(
        single=f"$A {END}", special_tokens=[(END, found.token_to_id(END))]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=found, pad_token=PAD, eos_token=END, unk_token=UNKNOWN, sep_token=SEPARATOR
    )
