"""Published systems: what others report of coding causes of death. They stand apart, and are ranked with nothing."""

from __future__ import annotations

from dataclasses import dataclass

from harness.leaderboard.language import N_


@dataclass(frozen=True, slots=True)
class Reference:
    """A published figure.

    Attributes
    ----------
    system : what was measured, and where
    figure : as the source gives it
    measure, data : of what, on which certificates
    year : of publication
    source : as cited; not translated
    why : why it cannot be held against the rows of a run
    """

    system: str
    figure: str
    measure: str
    data: str
    year: str
    source: str
    why: str


_OTHER = N_("Other certificates, other years and other codes, counted as CLEF counts them.")
_CONDITIONS = N_(
    "It begins with codes of every condition and picks one; these rows begin with the words and give every code."
)

REFERENCES = (
    Reference(
        N_("Best team of CLEF eHealth 2017, French"),
        "F1 0.867",
        N_("F1 as CLEF counts it"),
        N_("31,690 certificates in French"),
        "2017",
        "CLEF eHealth 2017 Multilingual Information Extraction task overview, CEUR-WS 1866",
        _OTHER,
    ),
    Reference(
        N_("Best team of CLEF eHealth 2017, English: an encoder-decoder (KFU)"),
        "F1 0.850",
        N_("F1 as CLEF counts it"),
        N_("6,665 certificates in English"),
        "2017",
        "Miftahutdinov, Tutubalina. KFU at CLEF eHealth 2017 Task 1, CEUR-WS 1866",
        _OTHER,
    ),
    Reference(
        N_("Character CNN encoder and RNN decoder (KCL-Health-NLP)"),
        "F1 0.65 | 0.52 | 0.69",
        N_("F1 as CLEF counts it: French aligned, French raw, Italian"),
        N_("CLEF eHealth 2018, French and Italian certificates"),
        "2018",
        "KCL-Health-NLP at CLEF eHealth 2018, CEUR-WS 2125",
        _OTHER,
    ),
    Reference(
        N_("Dictionary system (IAM)"),
        "P 0.794, R 0.779, F1 0.786",
        N_("Precision, recall and F1 as CLEF counts them"),
        N_("CLEF eHealth 2018, French certificates"),
        "2018",
        "Cossin et al. IAM at CLEF eHealth 2018: Concept Annotation and Coding in French Death Certificates",
        _OTHER,
    ),
    Reference(
        N_("Deep network, against the rule-based Iris (France)"),
        "97.8 % | 75 %",
        N_("Same underlying cause as the reference: network, Iris"),
        N_("French certificates of 2000–2015, from the codes of their conditions"),
        "2020",
        "Falissard et al. A Deep Artificial Neural Network–Based Model for Prediction of Underlying Cause of Death. "
        "JMIR Medical Informatics 8(4); preprint 2019",
        _CONDITIONS,
    ),
    Reference(
        N_("Reverse coding to text, and a language model on it"),
        "99.03 %",
        N_("Same underlying cause as the reference"),
        N_("Trained on 10.5 million certificates, the codes of their conditions put back into titles"),
        "2020",
        "Della Mea, Popescu, Roitero. Underlying cause of death identification from death certificates using reverse "
        "coding to text and a NLP based deep learning approach. Informatics in Medicine Unlocked 21",
        _CONDITIONS,
    ),
    Reference(
        N_("CépiDc in production: rules, networks and targeted manual coding"),
        "93.4 % | 95.5 %",
        N_("As a traditional campaign would have coded: same underlying cause; same group of the European short list"),
        N_("French certificates of 2018 and 2019; 38 % coded in part by the network"),
        "2023",
        "CépiDc, document de travail 2/2023",
        N_("Persons took part in it, and one underlying cause is compared, where these rows compare every code."),
    ),
    Reference(
        N_("Iris in the Netherlands"),
        "68.5 % | 78 %",
        N_("Coded without a person; of these the same underlying cause as manual coding, in a double-coded set"),
        N_("Dutch certificates"),
        "2020",
        "The implementation of an automated coding system for cause-of-death statistics. Informatics for Health and "
        "Social Care 45(1); online 2018",
        N_("Its share without a person comes with no promise on its errors, and one underlying cause is compared."),
    ),
    Reference(
        N_("MedCoder of the US NCHS"),
        N_("nearly 90 %, from less than 75 % before"),
        N_("Records coded automatically"),
        N_("Death records of the United States, 2022"),
        "2022",
        "Centers for Disease Control and Prevention. A Timelier Understanding of Death. 2022",
        N_("A share of records without a figure on their errors: nothing to hold a risk against."),
    ),
)
