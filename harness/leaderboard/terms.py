"""The terms of the glossary, and their sources."""

from __future__ import annotations

import re
from dataclasses import dataclass

from harness.leaderboard.language import N_


@dataclass(frozen=True, slots=True)
class Term:
    """A term of the page.

    Attributes
    ----------
    better : ``higher`` or ``lower``, or "" where neither is
    source : the paper that defines it, as cited; "" where it is this program's own
    key : its address on the page; of its name where left out
    """

    name: str
    better: str
    meaning: str
    source: str = ""
    key: str = ""

    @property
    def slug(self) -> str:
        return self.key or re.sub(r"[^a-z0-9]+", "-", self.name.lower()).strip("-")


_SELECTIVE = "El-Yaniv, Wiener. On the Foundations of Noise-free Selective Classification. JMLR 2010"
_F1 = "van Rijsbergen. Information Retrieval. 1979; Sebastiani. Machine Learning in Automated Text Categorization. ACM Computing Surveys 2002"
_MULTILABEL = "Godbole, Sarawagi. Discriminative Methods for Multi-labeled Classification. PAKDD 2004"
_RANKING = "Tsoumakas, Katakis, Vlahavas. Mining Multi-label Data. 2010, section 4.2"
_WHO = "World Health Organization. International Statistical Classification of Diseases, 10th revision"

TERMS = (
    Term(
        N_("micro-F1"),
        "higher",
        N_("F1 over all (certificate, code) pairs together; a code that the model cannot give is a miss."),
        _F1,
    ),
    Term(
        N_("exact match"),
        "higher",
        N_("Share of certificates whose predicted set of codes equals the experts’ set."),
        _MULTILABEL,
    ),
    Term(
        N_("macro-F1"),
        "higher",
        N_("Mean F1 of the codes that occur in the reference; rare codes weigh as much as frequent ones."),
        _F1,
    ),
    Term(
        N_("F1"),
        "higher",
        N_("Harmonic mean of precision and recall."),
        _F1,
    ),
    Term(
        N_("coverage"),
        "higher",
        N_("Share of certificates coded without a person: those whose confidence reaches the threshold."),
        _SELECTIVE,
    ),
    Term(
        N_("selective risk"),
        "lower",
        N_("Share of wrong certificates (not an exact match) among those coded without a person."),
        _SELECTIVE,
        key="risk",
    ),
    Term(
        N_("promised coverage"),
        "higher",
        N_(
            "Coverage on the calibration years at the certified threshold: the automation for which the promise holds. "
            "Thresholds are tested in a fixed sequence with exact binomial tails."
        ),
        "Angelopoulos, Bates, Candès, Jordan, Lei. Learn then Test. 2021",
    ),
    Term(
        N_("kept, broken, undecided"),
        "",
        N_(
            "The promise held against held-out years. Kept: the whole 95 % interval of the risk is at most what was promised. "
            "Broken: all of it is above. Undecided: it contains the promised risk."
        ),
        "Clopper, Pearson. The use of confidence or fiducial limits illustrated in the case of the binomial. Biometrika 1934",
        key="audit",
    ),
    Term(
        N_("threshold"),
        "",
        N_(
            "The least confidence of a certificate that is coded without a person; certified on calibration years, and "
            "nowhere else."
        ),
        _SELECTIVE,
    ),
    Term(
        N_("oracle coverage at 2 %"),
        "higher",
        N_(
            "Largest coverage at an empirical risk of 2 %, threshold chosen in hindsight on these very certificates: a "
            "bound, no promise."
        ),
        "Geifman, El-Yaniv. Selective Classification for Deep Neural Networks. NeurIPS 2017",
        key="oracle-coverage",
    ),
    Term(
        N_("AURC"),
        "lower",
        N_("Area under the risk–coverage curve: the mean risk over all coverages."),
        "Geifman, Uziel, El-Yaniv. Bias-Reduced Uncertainty Estimation for Deep Neural Classifiers. ICLR 2019",
    ),
    Term(
        N_("AUGRC"),
        "lower",
        N_(
            "Area under the generalised risk–coverage curve: the mean share of all certificates that are wrong and "
            "automatic."
        ),
        "Traub et al. Overcoming Common Flaws in the Evaluation of Selective Classification Systems. NeurIPS 2024",
    ),
    Term(
        N_("hours saved"),
        "higher",
        N_("Persons’ work on what was coded without them, at the minutes that the run was told for one."),
    ),
    Term(
        N_("interval"),
        "",
        N_(
            "95 %: of scores a percentile bootstrap over certificates, of a risk the exact binomial one. It is of one model "
            "alone: where two overlap, the difference may be chance."
        ),
        "Efron, Tibshirani. An Introduction to the Bootstrap. 1993; Clopper, Pearson. Biometrika 1934",
    ),
    Term(
        N_("tie with the best"),
        "",
        N_(
            "The 95 % interval of the difference from the best model, resampled over the same certificates of both, "
            "contains zero."
        ),
        "Efron, Tibshirani. An Introduction to the Bootstrap. 1993",
        key="tie",
    ),
    Term(
        N_("model"),
        "",
        N_("A fitted member of a family, by its name in the run: the family and the number of the trial."),
    ),
    Term(
        N_("family"),
        "",
        N_("A class of models with one search space; each has the same share of the search’s time."),
    ),
    Term(
        N_("kind"),
        "",
        N_(
            "Baseline: learnt from these certificates alone. Transfer: a pretrained encoder. Encoder-decoder: it writes "
            "standard wording and codes. Ensemble and floor: see there."
        ),
    ),
    Term(
        N_("ensemble"),
        "",
        N_(
            "The weighted mean of the scores of up to five trials; its members and weights were chosen on validation, before "
            "anything was certified."
        ),
        "Caruana, Niculescu-Mizil, Crew, Ksikes. Ensemble Selection from Libraries of Models. ICML 2004",
    ),
    Term(
        N_("floor"),
        "",
        N_("A trivial row that every model must beat: no code, the most frequent codes, exact repeats of old texts."),
    ),
    Term(
        N_("precision, recall"),
        "higher",
        N_("Share of the predicted pairs that are true, and of the true pairs that are predicted."),
        _F1,
    ),
    Term(
        N_("samples-F1"),
        "higher",
        N_("Mean F1 of the certificates; an empty reference met by an empty prediction has 1."),
        _MULTILABEL,
    ),
    Term(
        N_("Hamming loss"),
        "lower",
        N_("Share of all (certificate, code) pairs that are wrong; small wherever there are many codes."),
        "Schapire, Singer. Improved Boosting Algorithms Using Confidence-rated Predictions. Machine Learning 1999",
    ),
    Term(
        N_("AP"),
        "higher",
        N_(
            "Micro-averaged average precision: the precision at each recall, over all pairs ranked by their scores; not "
            "interpolated."
        ),
        "Zhu. Recall, Precision and Average Precision. 2004; scikit-learn, average_precision_score",
    ),
    Term(
        N_("P@k"),
        "higher",
        N_(
            "Precision at k: the share of true codes among a certificate’s k highest scores, over certificates with a code. "
            "Where they have fewer than k codes, 1 is out of reach."
        ),
        "Mullenbach et al. Explainable Prediction of Medical Codes from Clinical Text. NAACL 2018",
        key="p-at-k",
    ),
    Term(
        N_("LRAP"),
        "higher",
        N_(
            "Label-ranking average precision: for each true code, the share of true codes among all that are ranked as high."
        ),
        _RANKING,
    ),
    Term(
        N_("categories, chapters"),
        "higher",
        N_(
            "Scores of codes put together by their first three characters, and by the chapters of WHO’s ICD-10; a "
            "certificate has one if it has any code of it. A code of another kind stands for itself."
        ),
        _WHO,
        key="levels",
    ),
    Term(
        N_("frequency of a code"),
        "",
        N_(
            "The number of certificates with the code in the fit behind the row: train, or train and validation after a "
            "refit. Scores are given by bands of it."
        ),
        key="frequency",
    ),
    Term(
        N_("support"),
        "",
        N_("Certificates with the code or chapter in the reference; numbers under five are not given."),
    ),
    Term(
        N_("Brier"),
        "lower",
        N_("Mean squared difference of the confidence and whether the whole set of codes is right."),
        "Brier. Verification of forecasts expressed in terms of probability. Monthly Weather Review 1950",
    ),
    Term(
        N_("ECE"),
        "lower",
        N_(
            "Expected calibration error: how far the confidence is from the share that is right, on the mean of 15 groups of "
            "like confidence."
        ),
        "Naeini, Cooper, Hauskrecht. Obtaining Well Calibrated Probabilities Using Bayesian Binning. AAAI 2015",
    ),
    Term(
        N_("CLEF’s measure"),
        "higher",
        N_(
            "Precision, recall and F1 over (document, line, code) triples, as CLEF eHealth 2016–2018 scored the aligned form "
            "of its certificates; external causes are V01–Y98."
        ),
        "Névéol et al. Clinical Information Extraction at the CLEF eHealth Evaluation Lab 2016; CLEF eHealth 2017, 2018",
        key="clef",
    ),
    Term(
        N_("labels"),
        "higher",
        N_("Codes that the model can give: those it was fitted on, and those its code list adds."),
    ),
    Term(
        N_("fit time"), "lower", N_("Seconds of the fit behind this row, without the search for its hyper-parameters.")
    ),
    Term(
        N_("speed"),
        "higher",
        N_(
            "Certificates coded in a second, models that it asks for their agreement included; measured once, on the machine "
            "of the run."
        ),
    ),
    Term(
        N_("size"), "lower", N_("Bytes of the saved model, with those of the models that it asks for their agreement.")
    ),
    Term(
        N_("importance"),
        "",
        N_(
            "How much of the spread of scores among a family’s trials goes with one hyper-parameter; the importances of a "
            "family sum to one."
        ),
        "Watanabe, Bansal, Hutter. PED-ANOVA: Efficiently Quantifying Hyperparameter Importance. IJCAI 2023",
    ),
    Term(
        N_("alarms"),
        "",
        N_(
            "Words: a year’s texts hold more that is new than past years’ did, judged without codes. Practice: the share of "
            "texts with a code’s own words that carry the code has changed."
        ),
    ),
    Term(
        N_("p-value"),
        "lower",
        N_("How likely so large a difference, or a larger one, would be by chance alone."),
        "Fisher. Statistical Methods for Research Workers. 1925",
    ),
)

# Where a model writes.
WORDING_TERMS = (
    Term(
        N_("lines in standard wording"),
        "higher",
        N_(
            "What a model that writes made of each line, held against the experts’ wording of its codes in order (else the "
            "codes’ titles); case, accents and punctuation do not count. Exact match: share of lines that are the same. An "
            "ensemble writes what its heaviest member that writes does."
        ),
        key="wording",
    ),
    Term(
        N_("CER"),
        "lower",
        N_(
            "Character error rate: inserted, deleted and replaced characters over the characters of the experts’ wording, "
            "all lines together."
        ),
        "Levenshtein. Binary codes capable of correcting deletions, insertions, and reversals. Soviet Physics Doklady 1966",
    ),
    Term(
        N_("chrF"),
        "higher",
        N_("F-score, recall weighing twice, of the n-grams of one to six characters, from 0 to 100."),
        "Popović. chrF: character n-gram F-score. WMT 2015; Post. A Call for Clarity in Reporting BLEU Scores. WMT 2018",
    ),
    Term(
        N_("code F1"),
        "higher",
        N_(
            "F1 over the (line, code) pairs that the written text alone leads to: each term stands for the code that it most "
            "often has in training lines and the code list."
        ),
        _F1,
    ),
)
