"""How models look."""

from __future__ import annotations

from pathlib import Path

from example_run import PICK, write_run

from harness.leaderboard import marks
from harness.leaderboard.figures.looks import LOOKS, SHAPES, family_looks, looks
from harness.leaderboard.rows import Evidence, Model, read


def test_models_look_the_same_in_every_figure_and_floors_are_grey(tmp_path: Path) -> None:
    evidence = read(write_run(tmp_path / "20260302-093012"))
    found, families = looks(evidence, evidence.models()), family_looks(evidence)
    for name, family in (("linear-3", "linear"), ("bag-1", "bag"), ("dictionary-0", "dictionary")):
        assert (found[name].colour, found[name].shape) == (families[family].colour, families[family].shape)
    assert [name for name, look in found.items() if look.floor] == [name for name in found if name.startswith("floor-")]
    assert [name for name, look in found.items() if look.picked] == [PICK]
    assert len({(look.colour, look.shape) for look in found.values()}) == len(found)


def test_no_two_of_56_models_look_alike() -> None:
    models = [Model(f"a-{place}", "a", "baseline") for place in range(LOOKS)]
    found = looks(Evidence({"families": ["a"]}, {}, (), (), None, ()), models).values()
    drawn = {(look.colour, marks.trace(look)["marker"]["symbol"]) for look in found}
    assert len(drawn) == LOOKS == 56
    assert len(marks.SHAPES) == len(marks.PATHS) == len(marks.DASHES) == SHAPES
    assert len({(look.colour, marks.dash(look)) for look in found}) == LOOKS
