"""Families of models: one file each, found by name in an explicit, lazy registry."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any

from harness.errors import UnknownName
from harness.families.family import Family

FAMILIES: Mapping[str, str] = {
    "dictionary": "harness.families.dictionary:Dictionary",
    "linear": "harness.families.linear:Linear",
    "bag": "harness.families.bag:Bag",
    "encoder": "harness.families.encoder:Encoder",
    "gru": "harness.families.gru:Gru",
    "seq2seq": "harness.families.seq2seq:Seq2Seq",
    "cnn": "harness.families.cnn:CNN",
    "label_attention": "harness.families.label_attention:LabelAttention",
}
FLOORS: Mapping[str, str] = {
    "nothing": "harness.families.floors:Nothing",
    "most_frequent": "harness.families.floors:MostFrequent",
    "exact_repeat": "harness.families.floors:ExactRepeat",
}


def family(name: str) -> Family[Any]:
    """Import the family or floor called ``name``; its framework is imported when it first fits or loads."""
    entry = FAMILIES.get(name) or FLOORS.get(name)
    if entry is None:
        raise UnknownName(f"family must be one of {', '.join(sorted(FAMILIES))}, but got {name!r}")
    module, _, attribute = entry.partition(":")
    found: Family[Any] = getattr(import_module(module), attribute)()
    return found
