"""The short form of ``make bench``: every benchmark runs; none of them is a timed test."""

from __future__ import annotations

import re

import pytest

from benchmarks import decoding, encoder, promise
from benchmarks.__main__ import main


def test_every_benchmark_prints_its_ratio(capsys: pytest.CaptureFixture[str]) -> None:
    main(500)
    lines = capsys.readouterr().out.splitlines()
    peak = [line for line in lines if line.endswith("MiB")]
    ratios = [line for line in lines if line not in peak]
    assert (len(ratios), len(peak)) == (4 + 6 + 1, 1)
    assert all(re.search(r"\d s +\d+\.\d x as fast$", line) for line in ratios)
    assert 0 < int(peak[0].split()[-2]) < 1024


def test_the_encoder_is_measured_on_the_network_of_its_peers(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(encoder, "PAIRS", 1)
    encoder.main(100, 8)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 3
    assert all(re.search(r"\d s +\d+\.\d\d x as fast$", line) for line in lines)


def test_outputs_within_a_grammar_are_measured_where_they_equal_their_peers(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(encoder, "PAIRS", 1)
    monkeypatch.setattr(decoding, "ROWS", 16)
    decoding.main(100, 60, 8)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 3
    assert all(re.search(r"\d s +\d+ texts/s +\d+\.\d\d x as fast$", line) for line in lines)


def test_curves_and_promises_are_measured_where_they_equal_their_peers(capsys: pytest.CaptureFixture[str]) -> None:
    promise.main(4_000, 9_000)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 7 + 1 + 1
    assert all(re.search(r"\d s +\d+\.\d x as fast$", line) for line in lines)
