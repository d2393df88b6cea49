"""What every family owes beyond its scores: its trial imports its own framework alone, and covariates are read where asked."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from certificates import Roles, by_line
from test_contract import NO_KNOWLEDGE, UNITS, every_family, parameters

from harness.corpus.certificate import Corpus, Texts, strings
from harness.families import FAMILIES, family, frame
from harness.families.family import Context, CovariateParameters

KERAS, TORCH = {"tensorflow", "keras"}, {"torch", "transformers", "peft"}
OWN = {"bag": KERAS, "cnn": KERAS, "label_attention": KERAS, "gru": KERAS, "encoder": TORCH, "seq2seq": TORCH}
SCRIPT = """
import json, sys
from pathlib import Path
from harness.families.runtime import settle
settle()
from certificates import by_line
from harness.corpus.knowledge import Knowledge
from harness.families import frame
from harness.families.family import Context
corpus = by_line(*((2012, [(f"flu {n % 7}", ["J11"]), (f"fall {n % 5}", ["W19"])]) for n in range(40)))
name, folder, given = sys.argv[1], Path(sys.argv[2]), json.loads(sys.argv[3])
frame.fit(name, corpus, None, Knowledge(), given, Context()).save(folder)
fitted = sorted(name.partition(".")[0] for name in sys.modules)
print(json.dumps(sorted(set(fitted))))
frame.load(folder).predict(corpus.texts)
"""


@every_family
def test_a_trial_imports_its_own_framework_alone(name: str, tmp_path: Path) -> None:
    """The two frameworks together take a gigabyte a trial, and seconds."""
    arguments = [name, str(tmp_path / "model"), json.dumps(parameters(name, "line"))]
    tests = Path(__file__).parents[1]
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, *arguments], capture_output=True, text=True, cwd=tests, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    modules = set(json.loads(done.stdout.splitlines()[-1]))
    foreign = (KERAS | TORCH) - OWN.get(name, set())
    assert not foreign & modules


READS = [name for name in FAMILIES if issubclass(family(name).Parameters, CovariateParameters)]


def office() -> Corpus:
    """The same words mean another code for the old than for the young."""
    corpus = by_line(
        *((2012, [("fall at home", ["W19" if n % 2 else "W06"]), (f"flu {n % 3}", ["J11"])]) for n in range(120))
    )
    ages = strings(["85" if n % 2 else "20" for n in range(120)])
    return replace(corpus, texts=replace(corpus.texts, covariates={"age": ages}))


def asked(age: str) -> Texts:
    texts = by_line((2013, [("fall at home", [])])).texts
    return replace(texts, covariates={"age": strings([age])})


@pytest.mark.parametrize("name", READS)
@pytest.mark.parametrize("unit", UNITS)
def test_covariates_tell_apart_what_words_do_not(name: str, unit: str, tmp_path: Path) -> None:
    with_them, without = (
        frame.fit(
            name,
            office(),
            None,
            NO_KNOWLEDGE,
            {**parameters(name, unit), "epochs": 12, "covariates": on},
            Context(seed=1),
        )
        for on in (True, False)
    )
    order = [with_them.labels.index[code] for code in ("W06", "W19")]
    young, old = (with_them.predict(asked(age)).scores.toarray()[0, order] for age in ("20", "85"))
    assert young[0] > young[1] + 0.1
    assert old[1] > old[0] + 0.1
    plain = [without.predict(asked(age)).scores.toarray() for age in ("20", "85")]
    np.testing.assert_array_equal(plain[0], plain[1])
    with_them.save(tmp_path / "model")
    again = frame.load(tmp_path / "model").predict(asked("85")).scores.toarray()
    np.testing.assert_array_equal(again, with_them.predict(asked("85")).scores.toarray())
    nobody = replace(asked("20"), covariates={})  # an office's file may lack the column later
    assert with_them.predict(nobody).scores.nnz


def test_every_family_that_is_a_network_reads_covariates(tiny_roles: Roles) -> None:
    assert set(READS) == set(FAMILIES) - {"dictionary", "linear"}
