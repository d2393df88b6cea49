"""What every family makes of a code list, dictionaries and years: one body of tests over all of them."""

from __future__ import annotations

import numpy as np
from certificates import Roles, by_line
from test_contract import NO_KNOWLEDGE, every_family, every_unit, parameters

from harness.corpus.certificate import Corpus, LabelSet, strings
from harness.corpus.codes import CodeEntry, CodeList
from harness.corpus.knowledge import Knowledge, Lexicon
from harness.families import frame
from harness.families.family import Context


@every_family
@every_unit
def test_a_term_of_the_list_helps_where_no_text_had_it(name: str, unit: str, tiny_roles: Roles) -> None:
    known = Knowledge(
        CodeList(tuple(CodeEntry(f"C{number:02}", synonyms=(f"{WORDS[number]}ioma",)) for number in range(8)))
    )
    train = _with_terms(tiny_roles.train)
    asked = by_line(*((2015, [(f"{WORDS[number]}ioma", [])]) for number in range(4, 8))).texts
    found = []
    for knowledge in (known, NO_KNOWLEDGE):
        model = frame.fit(name, train, None, knowledge, parameters(name, unit), Context(seed=1))
        predictions = model.predict(asked)
        columns = [predictions.labels.index[f"C{number:02}"] for number in range(4, 8)]
        found.append(predictions.scores.toarray()[np.arange(4), columns])
    assert (found[0] > found[1]).all()
    assert found[0].mean() > found[1].mean() + 0.1


WORDS = ("zorb", "quind", "vasp", "hyng", "wolt", "jamb", "kyrp", "ulmex")


def _with_terms(corpus: Corpus) -> Corpus:
    """The corpus, and certificates that hold the terms of the first four codes."""
    more = by_line(*((2014, [(f"{WORDS[number % 4]}ioma {number}", [f"C{number % 4:02}"])]) for number in range(40)))
    return _joined(corpus, more)


def _joined(first: Corpus, second: Corpus) -> Corpus:
    rows = []
    for corpus in (first, second):
        assert corpus.by_line is not None
        texts, lines = corpus.texts, corpus.texts.lines.to_pylist()
        codes = corpus.by_line
        for i in range(len(corpus)):
            span = range(int(texts.first_line[i]), int(texts.first_line[i + 1]))
            rows.append(
                (
                    int(texts.years[i]),
                    [
                        (
                            lines[line],
                            [
                                corpus.labels.codes[column]
                                for column in codes.columns[codes.first_code[line] : codes.first_code[line + 1]]
                            ],
                        )
                        for line in span
                    ],
                )
            )
    return by_line(*rows)


@every_family
@every_unit
def test_years_before_a_code_began_do_not_speak_against_it(name: str, unit: str) -> None:
    rows = [(2012, [(f"gabapentin {n}", ["A"])]) for n in range(60)]
    rows += [(2012, [(f"heroin {n}", ["A"])]) for n in range(60)] + [
        (2012, [(f"ethanol {n}", ["B"])]) for n in range(60)
    ]
    rows += [(2014, [(f"gabapentin {n}", ["A", "N"])]) for n in range(60, 66)]
    rows += [(2014, [(f"ethanol {n}", ["B"])]) for n in range(60, 90)]
    corpus = by_line(*rows)
    asked = by_line((2014, [("gabapentin 99", [])])).texts
    found = []
    for knowledge in (Knowledge(CodeList((CodeEntry("N", valid_from=2014),))), NO_KNOWLEDGE):
        chosen = parameters(name, unit)
        if name == "seq2seq":  # without dropout it learns the new code by the numbers of its six texts
            chosen |= {"batch": 32, "epochs": 12, "dropout": 0.3}
        predictions = frame.fit(name, corpus, None, knowledge, chosen, Context(seed=1)).predict(asked)
        found.append(predictions.scores.toarray()[0, predictions.labels.index["N"]])
    assert found[0] > 0.5
    assert found[0] > found[1] + 0.2


@every_family
def test_newer_years_count_more_if_asked(name: str) -> None:
    rows = [(2010, [("cardiac arrest", ["OLD"])]) for _ in range(20)]
    rows += [(2014, [("cardiac arrest", ["NEW"])]) for _ in range(10)]
    rows += [(2014, [(f"fall {n}", ["W19"])]) for n in range(20)]
    corpus, asked = by_line(*rows), by_line((2015, [("cardiac arrest", [])])).texts
    odds = []
    for half_life in (0.0, 1.0):
        chosen = {**parameters(name, "line"), "half_life": half_life}
        if name == "linear":
            chosen["weighting"] = "count"
        predictions = frame.fit(name, corpus, None, NO_KNOWLEDGE, chosen, Context(seed=1)).predict(asked)
        scores = dict(zip(predictions.labels.codes, predictions.scores.toarray()[0], strict=True))
        odds.append(scores["NEW"] / scores["OLD"])
    assert odds[0] < 1.0 < odds[1]


@every_family
def test_rows_of_dictionaries_are_learnt(name: str, tiny_roles: Roles) -> None:
    lexicon = Lexicon(strings(["wolthaemia", "jambosis", "plain kyrp"]), strings(["C00", "C01", "NEW"]))
    predictions = frame.fit(
        name, tiny_roles.train, None, Knowledge(lexicon=lexicon), parameters(name, "line"), Context(seed=1)
    ).predict(by_line((2015, [("Wolthaemia", [])]), (2015, [("jambosis", [])]), (2015, [("plain kyrp", [])])).texts)
    scores = predictions.over(LabelSet(tuple(sorted(predictions.labels.codes)))).toarray()
    assert np.argmax(scores[:2], axis=1).tolist() == [0, 1]
    assert scores[2, -1] > scores[:2, -1].max() + 0.01  # the code that only the dictionary knows
