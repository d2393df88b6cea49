"""What a run's page shows of studies."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType

import pytest
import test_study
import test_study_normalise
from jinja2 import Environment

from harness.leaderboard import shell
from harness.leaderboard.study.kinds import findings
from harness.leaderboard.study.section import StudyPart, study_panels

TEMPLATE = '{% import "studies.html.jinja" as studies with context %}{{ studies.section(parts) }}'


def rendered(*parts: StudyPart) -> str:
    environment: Environment = shell._environment()
    return environment.from_string(TEMPLATE).render(parts=parts)


@pytest.mark.parametrize(
    ("module", "title", "names"),
    [
        (test_study, "Transfer learning", ["study1-curves", "study1-gains"]),
        (test_study_normalise, "Normalised text", ["study1-arms", "study1-gains"]),
    ],
)
def test_a_part_has_the_findings_and_the_figures(
    tmp_path: Path, module: ModuleType, title: str, names: list[str]
) -> None:
    study = module.write_study(tmp_path / "20260302-093012")
    part = study_panels(study)
    assert (part.name, part.title, part.generated, part.unfinished) == ("20260302-093012", title, True, "")
    assert part.findings == tuple(found.sentence for found in findings(study))
    assert [panel.name for panel in part.panels] == names
    assert "20260302-093012/leaderboard.html" in part.link
    assert "3\N{NO-BREAK SPACE}seeds" in part.facts
    page = rendered(part)
    assert all(sentence in page for sentence in part.findings[:1])
    assert all(f'data-plot="{name}"' in page for name in names)
    assert "no claim rests on them" in page


def test_figures_of_several_studies_have_names_of_their_own(tmp_path: Path) -> None:
    studies = [
        test_study.write_study(tmp_path / "a"),
        test_study_normalise.write_study(tmp_path / "b"),
        test_study.write_study(tmp_path / "c"),
    ]
    names = [panel.name for place, study in enumerate(studies) for panel in study_panels(study, place).panels]
    assert len(names) == len(set(names)) == 6


def test_an_unfinished_study_says_what_is_missing(tmp_path: Path) -> None:
    part = study_panels(test_study.write_study(tmp_path, done=False))
    assert (part.panels, part.findings, part.unfinished) == ((), (), "18 of 54 fits are done")
    assert [one.name for one in part.missing] == ["study1-curves", "study1-gains"]
    assert "18 of 54 fits are done." in rendered(part)


def test_without_a_study_the_section_says_which_command_makes_one() -> None:
    page = rendered()
    assert "<code>harness study transfer CONFIG</code>" in page
    assert "<code>harness leaderboard RUN STUDY</code>" in page
