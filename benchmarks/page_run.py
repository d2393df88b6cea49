"""A finished run of made-up rows, as large as one wants: what ``benchmarks.page`` builds its pages from."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from zlib import crc32

import numpy as np
import numpy.typing as npt

from benchmarks.page_codes import CODES, alarm_rows, code_rows, confusion_rows
from harness.files import write_json, write_rows
from harness.metrics.selective import exact_interval
from harness.run.folder import RunFolder

Row = dict[str, Any]
FloatArray = npt.NDArray[np.float64]

FAMILIES = ("dictionary", "linear", "bag", "line", "cnn", "label_attention", "encoder", "seq2seq")
FLOORS = ("exact_repeat", "most_frequent", "nothing")
YEARS = ("2019", "2020", "2021", "2022", "2023")
PICK = "encoder-3"
N = 60_000  # certificates a year
STOPS = 400
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
    finalists = _models(floors=False)
    run.write_figure("codes", [row for model in finalists for row in code_rows(model, _quality(model), N)])
    run.write_figure("confusions", [row for model in finalists for row in confusion_rows(model, _quality(model))])
    run.write_figure("alarms", alarm_rows(finalists, YEARS, N))
    run.write_figure("ties", [_tie(model) for model in finalists])
    run.write_figure("seeds", [_seed(model, seed) for model in finalists for seed in range(3)])
    run.write_figure("backtest", [_window(year) for year in (2015, 2016, *map(int, YEARS))])
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


def _random(*of: str) -> np.random.Generator:
    """Chance of its own for a model and a year: what repeats itself would be packed to nothing."""
    return np.random.default_rng(crc32(" ".join(of).encode()))


def _curve(model: str) -> list[Row]:
    grid = np.linspace(1 / 2000, 1, 2000)
    return [
        {"model": model, "role": role, "year": year, "coverage": float(c), "risk": float(r), "threshold": float(1 - c)}
        for role, year in _slices()
        for c, r in zip(grid, _risks(model, role, year, grid), strict=True)
    ]


def _risks(model: str, role: str, year: str, grid: FloatArray) -> FloatArray:
    """Shares of errors among ever more certificates, which rise by chance too."""
    share = np.minimum(3 * (1 - _quality(model)) * grid**2, 1.0)
    wrong = _random(model, role, year).binomial(N // len(grid), share).cumsum()
    risks: FloatArray = wrong / (N * grid)
    return risks


def _stops(model: str) -> list[Row]:
    accepted = np.unique(np.linspace(0, N, STOPS).round().astype(int))[::-1]
    certified = int(np.argmin(np.abs(accepted - _rates(model)[0] * N)))
    rows: list[Row] = []
    for year in YEARS:
        share = np.minimum(3 * (1 - _quality(model)) * (accepted / N) ** 2, 1.0)
        more = -np.diff(accepted, append=0)
        wrong = _random(model, year).binomial(more, share)[::-1].cumsum()[::-1]
        for place, (a, w) in enumerate(zip(accepted.tolist(), wrong.tolist(), strict=True)):
            row: Row = {"model": model, "role": "heldout", "year": year, "threshold": None if not a else 1 - a / N}
            rows.append(row | {"accepted": a, "wrong": w, "n": N, "certified": place == certified})
    return rows


def _groups(model: str) -> list[Row]:
    rows: list[Row] = []
    for year in (*YEARS, "all"):
        random = _random(model, year)
        for place in range(15):
            n, share = 4000, (place + random.random()) / 15
            right = int(random.binomial(n, share))
            low, high = exact_interval(right, n) or (0.0, 1.0)
            row: Row = {"model": model, "role": "heldout", "year": year, "bin": place}
            row |= {"low": place / 15, "high": (place + 1) / 15, "confidence": share, "right": right / n}
            rows.append(row | {"right_low": low, "right_high": high, "n": n})
    return rows


def _tie(model: str) -> Row:
    """How far a model is behind the best: only the next one cannot be told from it."""
    difference = _quality(f"{FAMILIES[-1]}-3") - _quality(model)
    ends = {"low": difference - 0.03, "high": difference + 0.03, "tied": difference <= 0.03}
    found: Row = {"role": "heldout", "measure": "micro_f1", "model": model, "best": f"{FAMILIES[-1]}-3"}
    return found | {"difference": difference} | ends


def _seed(model: str, seed: int) -> Row:
    score = _quality(model) + 0.002 * (seed - 1)
    found: Row = {"model": model, "seed": seed, "candidate": seed == 0, "reason": None}
    return found | dict.fromkeys(("score", "micro_f1", "exact_match"), score)


def _window(audit: int) -> Row:
    """What would have been promised of a year, and was kept."""
    coverage, risk, low, high = _rates(PICK)
    years: Row = {"train_from": 2008, "train_to": audit - 3, "validation": audit - 2, "calibration": audit - 1}
    found: Row = {"model": PICK, "family": _family(PICK), **years, "audit": audit, "legal": audit <= 2017}
    found |= {"hyper_parameters_saw_later": audit < 2020, "refit": True, "made": True, "promised_coverage": coverage}
    found |= {"n": N, "coverage": coverage, "risk": risk, "risk_low": low, "risk_high": high}
    return found | {"verdict": "kept", "reason": "promised 2 % at 95 %"}


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
