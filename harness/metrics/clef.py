"""The official measure of the CLEF eHealth tasks on coding death certificates, 2016 to 2018.

Definitions of record. Precision, recall and F1 over distinct triples (document, line, full code), all documents together,
order and rank of the codes ignored: the primary measure is over all codes, the secondary over the external causes
alone, V01 to Y98. For the *aligned* form of the data this is official: a code counts where it stands on its own line.
The *raw* form (2017 and 2018), in which coders may have moved a code to another line, was scored by another script, over
distinct pairs (document, code): there ``micro_precision``, ``micro_recall`` and ``micro_f1`` of the certificates are the
official measure, and this one has no value. F1 is 2 P R / (P + R), which is 2 tp / (2 tp + fp + fn).

References
----------
Névéol et al. Clinical Information Extraction at the CLEF eHealth Evaluation Lab 2016. CLEF 2016 (aligned form alone);
CLEF eHealth 2017 Multilingual Information Extraction task overview. CEUR-WS 1866;
CLEF eHealth 2018 Multilingual Information Extraction task overview. CEUR-WS 2125.
"""

from __future__ import annotations

from dataclasses import dataclass

from scipy.sparse import csr_array

from harness.corpus.certificate import LabelSet
from harness.metrics.hierarchical import in_categories
from harness.metrics.multilabel import micro_f1, micro_precision, micro_recall, tally

EXTERNAL = ("V01", "Y98")


@dataclass(frozen=True, slots=True)
class Clef:
    """The primary measure, and the F1 of the secondary one; None where nothing is there to be counted.

    Attributes
    ----------
    precision : None where nothing is predicted
    recall : None where no line has a code
    f1 : None where there is neither
    external_f1 : the same over external causes
    """

    precision: float | None
    recall: float | None
    f1: float | None
    external_f1: float | None


def clef(labels: LabelSet, y_true: csr_array, y_pred: csr_array) -> Clef:
    """Score the codes of lines.

    Parameters
    ----------
    labels : the codes of the columns
    y_true, y_pred : (n_lines, n_labels)
        Indicator matrices, as for :func:`harness.metrics.multilabel.counts`.
    """
    codes = tally(y_true, y_pred).codes
    return Clef(
        precision=micro_precision(codes),
        recall=micro_recall(codes),
        f1=micro_f1(codes),
        external_f1=micro_f1(codes.of(in_categories(labels, *EXTERNAL))),
    )
