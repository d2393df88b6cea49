"""What must be settled before a framework is imported."""

from __future__ import annotations

import os


def settle(threads: int = 1) -> None:
    """Before any framework is imported: few threads, no network, no chatter."""
    os.environ.update(
        OMP_NUM_THREADS=str(threads),
        OPENBLAS_NUM_THREADS=str(threads),
        TF_NUM_INTRAOP_THREADS=str(threads),
        TF_NUM_INTEROP_THREADS=str(threads),
        TF_CPP_MIN_LOG_LEVEL="3",
        KERAS_BACKEND="tensorflow",
        HF_HUB_OFFLINE="1",
        TOKENIZERS_PARALLELISM="false",
    )
