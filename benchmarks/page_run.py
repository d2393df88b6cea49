"""A finished run of made-up rows, as large as one wants: what ``benchmarks.page`` builds its pages from."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from harness.files import write_json, write_rows
from harness.metrics.selective import exact_interval
from harness.run.folder import RunFolder

Row = dict[str, Any]

FAMILIES = ("dictionary", "linear", "bag", "line", "cnn", "encoder", "seq2seq")
FLOORS = ("exact_repeat", "most_frequent", "nothing")
YEARS = ("2019", "2020", "2021", "2022", "2023")
PICK = "encoder-3"
N = 60_000  # certificates a year
STOPS = 400
CODES, CHAPTERS = 600, 20
UNITS = ("certificate", "line")


def write_run(path: Path, trials: int) -> RunFolder:
    random = np.random.default_rng(0)
    run = RunFolder(path)
    (path / "figures").mkdir(parents=True)
    write_json(path / "run.json", _meta())
    write_json(path / "corpus.json", _corpus())
    write_rows(path / "trials.jsonl", [_trial(number, random) for number in range(trials)])
    run.write_scorecards([_card(model, role, year) for model in _models() for role, year in _slices()])
    run.write_figure("risk_coverage", [row for model in _models() for row in _curve(model)])
    run.write_figure("thresholds", [row for model in _models(floors=False) for row in _stops(model)])
    run.write_figure("reliability", [row for model in _models(floors=False) for row in _groups(model)])
    run.write_figure("codes", [row for model in _models() for row in _codes(model)])
    run.write_figure("confusions", [row for model in _models(floors=False) for row in _confusions(model)])
    run.write_figure("importances", _importances(random))
    run.write_pick(_pick())
    return run


def _models(*, floors: bool = True) -> list[str]:
    return [f"{family}-3" for family in FAMILIES] + ([f"floor-{name}" for name in FLOORS] if floors else [])


def _family(model: str) -> str:
    return model.removeprefix("floor-") if model.startswith("floor-") else model.rpartition("-")[0]


def _slices() -> list[tuple[str, str]]:
    alone = [("validation", "2017"), ("validation", "all"), ("calibration", "2018"), ("calibration", "all")]
    return [*alone, *(("heldout", year) for year in (*YEARS, "all"))]


def _quality(model: str) -> float:
    """How many of a model's certificates are right: from 0.6 for the first family to 0.8 for the last."""
    floor = model.startswith("floor-")
    return 0.02 if floor else 0.6 + 0.2 * FAMILIES.index(_family(model)) / (len(FAMILIES) - 1)


def _meta() -> Row:
    return {
        "format": 1,
        "run": "20260302-093012",
        "version": "0.1.0",
        "started": "2026-03-02T09:30:12+00:00",
        "seed": 0,
        "objective": "micro_f1",
        "families": list(FAMILIES),
        "budget_seconds": 3600.0,
        "hardware": {"cpu": "one", "cores": 8, "memory_gb": 62.8, "gpus": 0},
        "libraries": {"numpy": "2.4.6"},
        "command": "harness search search.toml",
        "search_seconds": 3600.0,
        "wall_seconds": 4000.0,
        "minutes_per_certificate": 3.0,
    }


def _corpus() -> Row:
    def role(*years: int) -> Row:
        n = N * len(years)
        counts = {"n": n, "n_lines": 3 * n, "distinct_texts": n // 2, "texts_in_train": n // 4, "without_codes": 9}
        return {"years": list(years), **counts}

    roles = {"train": role(2013, 2014, 2015, 2016), "validation": role(2017), "calibration": role(2018)}
    roles["heldout"] = role(*map(int, YEARS))
    known: Row = {"name": "synthetic", "n": CODES, "fingerprint": "99aa0c"}
    found: Row = {"fingerprint": "5f0c6f5e2d1a4c0f", "format": "synthetic", "generated": True, "language": None}
    found |= {"n_certificates": 11 * N, "n_codes": CODES, "roles": roles, "outside_roles": 0, "code_list": known}
    return found | {"quarantine": {"total": 0, "rules": {}}, "by_line": True}


def _trial(number: int, random: np.random.Generator) -> Row:
    """A trial with fifteen parameters of all sorts."""
    family = FAMILIES[number % len(FAMILIES)]
    status = str(random.choice(["done", "stopped", "failed"], p=[0.6, 0.35, 0.05]))
    seconds = float(random.gamma(2.0, 4.0))
    reasons = {"stopped": "behind the best third after 4 steps", "failed": "out of memory: the trial passed 6 GB"}
    parameters: Row = {f"rate_{place}": float(10 ** random.uniform(-5, 0)) for place in range(5)}
    parameters |= {f"size_{place}": int(2 ** random.integers(3, 10)) for place in range(5)}
    parameters |= {f"kind_{place}": str(random.choice(["none", "first", "second"])) for place in range(5)}
    return {
        "trial": f"{family}-{number // len(FAMILIES)}",
        "family": family,
        "kind": "baseline",
        "status": status,
        "reason": reasons.get(status),
        "parameters": parameters,
        "score": None if status == "failed" else _quality(f"{family}-3") - float(random.exponential(0.03)),
        "threshold": 0.34,
        "steps": 4,
        "seconds": seconds,
        "started": 3600.0 * number / 10_000,
        "slot": number % 8,
        "slot_seconds": seconds + 1,
        "retry_of": None,
    }


def _rates(model: str) -> tuple[float, float, float, float]:
    """Coverage at the working point, its risk, and the risk's interval, of N certificates."""
    coverage = 0.4 * _quality(model) / 0.8
    accepted = round(coverage * N)
    wrong = round(0.015 * accepted)
    low, high = exact_interval(wrong, accepted) or (0.0, 1.0)
    return accepted / N, wrong / accepted, low, high


def _card(model: str, role: str, year: str) -> Row:
    family, exact = _family(model), _quality(model)
    floor = model.startswith("floor-")
    micro = exact**0.8
    coverage, risk, low, high = _rates(model)
    covered = not floor and role != "validation"
    row: Row = {"run": "20260302-093012", "model": model, "family": family, "kind": "floor" if floor else "baseline"}
    row |= {"role": role, "refit": role != "validation", "year": year, "unit": "certificate", "n": N, "n_labels": CODES}
    for name, value in (("micro_f1", micro), ("exact_match", exact)):
        row |= {name: value, f"{name}_low": value - 0.004, f"{name}_high": value + 0.004}
    row |= {"micro_precision": micro, "micro_recall": micro, "macro_f1": 0.6 * micro, "brier": 0.3 * (1 - exact)}
    row |= {"aurc": 0.2 * (1 - exact), "augrc": 0.1 * (1 - exact), "ece": 0.02, "oracle_coverage_at_2": coverage}
    row |= {"promised_coverage": coverage if covered else None, "coverage": coverage if covered else None}
    row |= {
        "risk": risk if covered else None,
        "risk_low": low if covered else None,
        "risk_high": high if covered else None,
    }
    for place, band in enumerate(("unseen", "1_9", "10_99", "100_up")):
        row |= {f"n_codes_{band}": 150, f"micro_f1_{band}": micro * place / 3, f"recall_{band}": micro * place / 3}
    row |= {"fit_seconds": 10.0, "certificates_per_second": 5000.0 * (1.1 - exact), "bytes": 18_400_000}
    row |= {"parameters": 1_200_000, "threshold": 0.34, "estimator": "product", "recalibration": "temperature"}
    row |= {
        "reason": None if covered else "a floor is never certified" if floor else "certified on calibration years only"
    }
    if role == "heldout":
        row |= {"verdict": "kept" if covered else None, "hours_saved": coverage * N / 20 if covered else None}
    return row


def _curve(model: str) -> list[Row]:
    grid = np.linspace(1 / 2000, 1, 2000)
    noise = np.random.default_rng(len(model)).normal(0, 2e-4, len(grid))
    risk = np.clip((1 - _quality(model)) * grid**3 + noise, 0, 1)
    return [
        {"model": model, "role": role, "year": year, "coverage": float(c), "risk": float(r), "threshold": float(1 - c)}
        for role, year in _slices()
        for c, r in zip(grid, risk, strict=True)
    ]


def _stops(model: str) -> list[Row]:
    accepted = np.unique(np.linspace(0, N, STOPS).round().astype(int))[::-1]
    wrong = ((1 - _quality(model)) * accepted * (accepted / N) ** 2).round().astype(int)
    certified = int(np.argmin(np.abs(accepted - _rates(model)[0] * N)))
    return [
        {
            "model": model,
            "role": "heldout",
            "year": year,
            "threshold": None if not a else float(1 - a / N),
            "accepted": int(a),
            "wrong": int(w),
            "n": N,
            "certified": place == certified,
        }
        for year in YEARS
        for place, (a, w) in enumerate(zip(accepted, wrong, strict=True))
    ]


def _groups(model: str) -> list[Row]:
    rows: list[Row] = []
    for year in (*YEARS, "all"):
        for place in range(15):
            n, share = 4000, (place + 0.5) / 15
            right = round(n * share)
            low, high = exact_interval(right, n) or (0.0, 1.0)
            row: Row = {"model": model, "role": "heldout", "year": year, "bin": place}
            row |= {"low": place / 15, "high": (place + 1) / 15, "confidence": share, "right": right / n}
            rows.append(row | {"right_low": low, "right_high": high, "n": n})
    return rows


def _codes(model: str) -> list[Row]:
    quality = _quality(model)
    chapters = [f"{chr(65 + place)}00-{chr(65 + place)}99" for place in range(CHAPTERS)]

    def row(level: str, code: str | None, chapter: str, support: int) -> Row:
        hidden = support < 5
        shown: Row = {"support": None if hidden else support, "predicted": None if hidden else support}
        scores = ("precision", "recall", "f1", "automatic")
        shown |= dict.fromkeys(scores, None if hidden else quality)
        found = {"model": model, "role": "heldout", "year": "all", "level": level, "code": code, "chapter": chapter}
        return {**found, "title": f"title of {code or chapter}", **shown, "suppressed": hidden}

    rows = [row("chapter", None, chapter, 5 * N // CHAPTERS) for chapter in chapters]
    for place in range(CODES):
        chapter = chapters[place % CHAPTERS]
        code = f"{chapter[0]}{place // CHAPTERS // 10}{place // CHAPTERS % 10}.{place % 10}"
        rows.append(row("code", code, chapter, 5 * N // (place + 1) ** 2 + 2))
    return rows


def _confusions(model: str) -> list[Row]:
    found: Row = {"model": model, "role": "heldout", "true_title": "one title", "predicted_title": "another title"}
    return [
        {
            **found,
            "chapter": "A00-A99",
            "true_code": f"A{n // 10:02}.{n % 10}",
            "predicted_code": "A00.9",
            "n": 900 - 4 * n,
        }
        for n in range(200)
    ]


def _importances(random: np.random.Generator) -> list[Row]:
    names = [f"{kind}_{place}" for kind in ("rate", "size", "kind") for place in range(5)]
    return [
        {"family": family, "parameter": name, "importance": float(share), "n_trials": 100}
        for family in FAMILIES
        for name, share in zip(names, random.dirichlet(np.ones(len(names))), strict=True)
    ]


def _pick() -> Row:
    coverage = _rates(PICK)[0]
    accepted = round(coverage * N)
    promise: Row = {"made": True, "risk": 0.02, "confidence": 0.95, "coverage": coverage, "n": N, "accepted": accepted}
    promise |= {"wrong": round(0.015 * accepted), "threshold": 1 - coverage, "reason": None, "unit": "certificate"}
    promise |= {"delta": 0.05, "candidates": 1, "start": 149, "p_value": 0.01, "method": "fixed sequence", "steps": []}
    kept: Row = {"model": PICK, "shortlisted": True, "reason": "the best of all families", "promise": promise}
    pick: Row = {"model": PICK, "family": _family(PICK), "reasons": ["it covers most"], "promise": promise}
    return pick | {"shortlist": [kept], "rejected": [], "warnings": [], "earlier_readings": 0}
