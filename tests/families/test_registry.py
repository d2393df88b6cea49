from __future__ import annotations

import pytest

from harness.config import DEFAULT_FAMILIES
from harness.errors import UnknownName
from harness.families import FAMILIES, FLOORS, family
from harness.search.space import load_space

KINDS = {"baseline", "transfer", "encoder-decoder"}


@pytest.mark.parametrize("name", [*FAMILIES, *FLOORS])
def test_each_entry_is_what_it_says(name: str) -> None:
    found = family(name)
    assert found.name == name
    assert (found.kind == "floor") if name in FLOORS else (found.kind in KINDS)
    assert 0.0 <= found.needs <= 1.0
    assert found.most_steps(found.Parameters()) >= 1
    assert found.reports or found.most_steps(found.Parameters()) == 1
    assert found.Parameters.model_config["frozen"]
    assert found.Parameters.model_config["extra"] == "forbid"
    assert "unit" not in found.Parameters.model_fields  # it is the frame's own


@pytest.mark.parametrize("name", FAMILIES)
def test_each_family_ships_its_space(name: str) -> None:
    assert load_space(name).family == name


def test_an_unknown_name_lists_the_known_ones() -> None:
    with pytest.raises(UnknownName, match=f"^family must be one of {', '.join(sorted(FAMILIES))}, but got 'forest'$"):
        family("forest")


def test_the_default_families_are_registered() -> None:
    assert set(DEFAULT_FAMILIES) <= set(FAMILIES)
    assert not set(FAMILIES) & set(FLOORS)
