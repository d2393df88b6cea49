"""What a run's page shows of a study: what was found, with the figures; the rest stands on the study's own page."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from harness.leaderboard import text
from harness.leaderboard.language import N_, say
from harness.leaderboard.panel import Missing, Panel
from harness.leaderboard.rows import number, read
from harness.leaderboard.study.draw import arms, curves, gains
from harness.leaderboard.study.kinds import findings, unfinished
from harness.run.study import NORMALISATION, TRANSFER, StudyFolder

Draw = Callable[[StudyFolder, str], Panel | Missing]
TITLES = {TRANSFER: N_("Transfer learning"), NORMALISATION: N_("Normalised text")}
DRAWS: dict[str, tuple[Draw, ...]] = {
    TRANSFER: (curves.panel, gains.panel),
    NORMALISATION: (arms.arms, arms.gains),
}


@dataclass(frozen=True, slots=True)
class StudyPart:
    """One study.

    Attributes
    ----------
    name : of the study, as its folder is called
    title : what it is about
    facts : of which certificates, arms, sizes and seeds
    generated : whether its certificates are, so that it tests the plumbing, not medicine
    unfinished : what is not done yet, empty where all is
    findings : its answers, one sentence each, the first question first
    link : where the rest of it stands
    """

    name: str
    title: str
    facts: tuple[str, ...]
    generated: bool
    unfinished: str
    findings: tuple[str, ...]
    panels: tuple[Panel, ...]
    missing: tuple[Missing, ...]
    link: str


def study_panels(study: StudyFolder, place: int = 0) -> StudyPart:
    """What a page shows of a study, in the spoken language.

    Parameters
    ----------
    place : of the study among those of the page, so that no two figures have one name
    """
    meta, corpus = study.meta(), read(study).corpus
    name = str(meta.get("run") or study.name)
    page = f"{study.name}/{study.page.name}"
    drawn = draw(study, f"study{place + 1}")
    return StudyPart(
        name=name,
        title=say(TITLES[meta["kind"]]),
        facts=facts(study),
        generated=bool(corpus.get("generated")),
        unfinished=unfinished(study),
        findings=tuple(finding.sentence for finding in findings(study)),
        panels=tuple(one for one in drawn if isinstance(one, Panel)),
        missing=tuple(one for one in drawn if isinstance(one, Missing)),
        link=say(
            "Every fit, the gains on rare codes, the tuning and how it was made stand on the study’s own page, {page}.",
            page=page,
        ),
    )


def draw(study: StudyFolder, prefix: str) -> tuple[Panel | Missing, ...]:
    """The figures of a study by its kind, their names beginning with the prefix."""
    return tuple(one(study, prefix) for one in DRAWS[study.meta()["kind"]])


def facts(study: StudyFolder) -> tuple[str, ...]:
    """A study in a few words, one after the other."""
    meta = study.meta()
    return (
        say("started {moment}", moment=text.moment(meta.get("started"))),
        text.number_of(len(meta["arms"]), "arm"),
        *([say("sizes {sizes}", sizes=text.plain(meta["sizes"]))] if len(meta["sizes"]) > 1 else []),
        text.number_of(number(meta.get("seeds")) or 0, "seed"),
        text.number_of(len(study.rows()), "fit"),
        f"harness {text.plain(meta.get('version'))}",
    )
