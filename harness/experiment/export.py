"""From a run to a bundle: the model, its rule and its card."""

from __future__ import annotations

import json
from pathlib import Path

from harness.config import Columns, CorpusConfig, RunConfig
from harness.corpus.codes import CodeList
from harness.decision.rule import DecisionRule
from harness.errors import RunError
from harness.experiment import selection
from harness.experiment.watching import references_of
from harness.files import Row
from harness.production import bundle
from harness.run.folder import RunFolder
from harness.search.worker import read_files

# How `harness corpus generate` writes generated certificates: a bundle of a generated corpus reads the same.
GENERATED = CorpusConfig(
    format="lines",
    columns=Columns(
        id="id",
        year="year",
        line="line",
        part="part",
        text=("text",),
        interval="interval",
        codes="code",
        standard_text="standard_text",
        age="age",
        sex="sex",
        place="place",
    ),
)


def export(run: RunFolder, config: RunConfig, code_list: CodeList | None, model: str | None, out: Path) -> str:
    """Write the picked model, or another finalist, as a bundle; its name.

    Raises
    ------
    RunError
        The run has no pick yet, or no such model.
    """
    found, decided, refitted = run.pick(), run.stage("decide"), run.stage("refit")
    if found is None or decided is None or refitted is None:
        raise RunError(
            f"an export needs a run that has a pick, but {run.name} has none; harness resume {run.name} goes on with it"
        )
    models = {
        row["model"]: row for row in decided["models"] if row["model"] in refitted["models"] and row["kind"] != "floor"
    }
    name = model or found["model"]
    if name is None:
        raise RunError(f"--model must be named, as {run.name} picked none: one of {', '.join(sorted(models))}")
    if name not in models:
        raise RunError(f"--model must be one of {', '.join(sorted(models))}, but got {name!r}")
    folder = run.model(name)
    files, rule = read_files(folder / "model"), DecisionRule.load(folder / "rule")
    labels = _labels(files)
    titles = {} if code_list is None else {entry.code: entry.title for entry in code_list.entries}
    meta, corpus = run.meta(), run.corpus()
    description = {
        "run": run.name,
        "model": name,
        "family": models[name]["family"],
        "kind": models[name]["kind"],
        "parameters": models[name]["parameters"],
        **({"members": models[name]["members"]} if "members" in models[name] else {}),
        "witnesses": [witness.model for witness in rule.witnesses],
        "picked": name == found["model"],
        "version": meta["version"],
        "commit": meta["commit"],
        "libraries": meta["libraries"],
        "seed": meta["seed"],
        "fingerprint": corpus["fingerprint"],
        "years": {role: part["years"] for role, part in corpus["roles"].items()},
    }
    drift, practice = references_of(run, name)
    bundle.write(
        out,
        model=files,
        witnesses={other.model: read_files(run.model(other.model) / "model") for other in rule.witnesses},
        rule=rule,
        drift=drift,
        practice=practice,
        corpus=GENERATED if config.corpus.format == "synthetic" else config.corpus,
        labels={code: titles.get(code, "") for code in labels},
        card=_card(name, models[name], rule, run, len(labels)),
        description=description,
    )
    return name


def _labels(files: dict[str, bytes]) -> list[str]:
    labels: list[str] = json.loads(files["model.json"])["labels"]
    return labels


def _card(name: str, model: Row, rule: DecisionRule, run: RunFolder, n_labels: int) -> str:
    meta, corpus = run.meta(), run.corpus()
    roles = "\n".join(
        f"| {role} | {', '.join(map(str, part['years']))} | {part['n']:,} |" for role, part in corpus["roles"].items()
    )
    scores = [row for row in run.scorecards() if row["model"] == name]
    table = "\n".join(
        f"| {row['role']} | {row['year']} | {row['n']:,} | {_figure(row['micro_f1'])} | {_figure(row['exact_match'])} "
        f"| {_figure(row['coverage'])} | {_figure(row['risk'])} |"
        for row in scores
    )
    made = [unit.promise for unit in (rule.certificate, rule.line) if unit is not None and unit.promise is not None]
    promise = "There is no promise: every certificate goes to a person."
    if made:
        promise = "\n\n".join(f"{one.reason[0].upper()}{one.reason[1:]}." for one in made)
    if any(one.made for one in made):
        promise += (
            "\nIt holds as long as later certificates are drawn, and coded, as those of the calibration years were."
        )
    members = ""
    if "members" in model:
        members = f"\nIts scores are the weighted mean of {selection.weighting(model['parameters'])}, all within this bundle.\n"
    gates = "\n".join(f"- {sentence}" for sentence in rule.stops())
    asked = ""
    if rule.witnesses:
        asked = f" Beside it the bundle holds {', '.join(w.model for w in rule.witnesses)}, whose agreement it asks."
    generated = "\n**Trained on generated text: it must not code real certificates.**\n" if corpus["generated"] else ""
    return f"""# Model card: {name}
{generated}
A model of the family *{model["family"]}* ({model["kind"]}) that gives {n_labels:,} codes, chosen by harness {meta["version"]} in the run {run.name}.
{members}
## Use

`harness predict BUNDLE FILE… -o OUT` codes certificates written as `input.json` says. Each gets its codes, a confidence, and
a decision: *automatic*, or *person* with the reason. To a person go, whatever the confidence:

{gates}

The confidence is read by *{rule.certificate.estimator}*.{asked}

## Promise

{promise}

## Data

| role | years | certificates |
|---|---|---|
{roles}

The model was fitted on {" and ".join((run.stage("refit") or {})["roles"])}; nothing of it was changed after calibration was read.

## Scores

| role | year | n | micro-F1 | exact match | coverage | risk |
|---|---|---|---|---|---|---|
{table}

## Confidentiality

This bundle holds fragments of training text by nature: vocabularies, dictionary entries and the gate's word list. It is as
confidential as the certificates themselves.
"""


def _figure(value: float | None) -> str:
    return "–" if value is None else f"{value:.4f}"
