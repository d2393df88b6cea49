"""The chapters of WHO's ICD-10 (2019), by their numbers; a French page has them as the CIM-10 does."""

from __future__ import annotations

from harness.leaderboard.language import N_, say

CHAPTERS = {
    "I": N_("Certain infectious and parasitic diseases"),
    "II": N_("Neoplasms"),
    "III": N_("Diseases of the blood and blood-forming organs, and immune disorders"),
    "IV": N_("Endocrine, nutritional and metabolic diseases"),
    "V": N_("Mental and behavioural disorders"),
    "VI": N_("Diseases of the nervous system"),
    "VII": N_("Diseases of the eye and adnexa"),
    "VIII": N_("Diseases of the ear and mastoid process"),
    "IX": N_("Diseases of the circulatory system"),
    "X": N_("Diseases of the respiratory system"),
    "XI": N_("Diseases of the digestive system"),
    "XII": N_("Diseases of the skin and subcutaneous tissue"),
    "XIII": N_("Diseases of the musculoskeletal system and connective tissue"),
    "XIV": N_("Diseases of the genitourinary system"),
    "XV": N_("Pregnancy, childbirth and the puerperium"),
    "XVI": N_("Certain conditions originating in the perinatal period"),
    "XVII": N_("Congenital malformations, deformations and chromosomal abnormalities"),
    "XVIII": N_("Symptoms, signs and abnormal findings, not elsewhere classified"),
    "XIX": N_("Injury, poisoning and other consequences of external causes"),
    "XX": N_("External causes of morbidity and mortality"),
    "XXI": N_("Factors influencing health status and contact with health services"),
    "XXII": N_("Codes for special purposes"),
}


def chapter_title(number: str) -> str | None:
    """The title of a chapter in the spoken language; None of what is no chapter of the ICD-10."""
    return say(CHAPTERS[number]) if number in CHAPTERS else None
