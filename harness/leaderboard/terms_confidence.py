"""The terms of how sure a model is, and of what stops a certificate however sure it is."""

from __future__ import annotations

from harness.leaderboard.language import N_
from harness.leaderboard.terms import Term

CONFIDENCE_TERMS = (
    Term(
        N_("estimator"),
        "",
        N_(
            "How sure a model is that all codes of a certificate, or line, are right; the surest come first. Which of them "
            "a model takes was chosen on validation, by AUGRC."
        ),
    ),
    Term(
        N_("product"),
        "",
        N_("Estimator: the probabilities of the chosen codes and those of not having the others, all multiplied."),
    ),
    Term(
        N_("margin"),
        "",
        N_("Estimator: the lowest log-odds of a chosen code less the highest of a code that was not chosen."),
    ),
    Term(
        N_("entropy"),
        "",
        N_("Estimator: how undecided the model is of each code, summed over the codes; the less, the surer."),
        "Shannon. A Mathematical Theory of Communication. Bell System Technical Journal 1948",
    ),
    Term(
        N_("sequence"),
        "",
        N_("Estimator: the log-probability of what a model that writes wrote."),
    ),
    Term(
        N_("beam gap"),
        "",
        N_("Estimator: the log-probability of what a model that writes wrote less that of its second choice."),
    ),
    Term(
        N_("agreement"),
        "",
        N_(
            "Estimator: the share of the witnesses that give exactly the same codes; among equal shares the product decides."
        ),
    ),
    Term(
        N_("novelty"),
        "",
        N_(
            "Estimator: fewer words that are known neither from training nor from lists are surer, then a smaller share of "
            "new runs of four characters, then a larger product."
        ),
    ),
    Term(
        N_("learnt"),
        "",
        N_(
            "Estimator: a logistic regression on validation over what the others read and the number of codes; more of a "
            "sign of certainty never makes it less sure."
        ),
        "Gelman, Jakulin, Pittau, Su. A weakly informative default prior distribution. Annals of Applied Statistics 2008",
    ),
    Term(
        N_("recalibration"),
        "",
        N_(
            "How scores become probabilities, fitted on validation: none, temperature (a slope and a bias of the log-odds), or "
            "isotonic (a rising step function). It never changes which codes are chosen."
        ),
        "Platt. Probabilistic Outputs for Support Vector Machines. 1999; Zadrozny, Elkan. KDD 2002; Guo et al. On "
        "Calibration of Modern Neural Networks. ICML 2017",
    ),
    Term(
        N_("gate"),
        "",
        N_(
            "What sends a certificate, or line, to a person however sure the model is: no predicted code, or a code that a person "
            "always sees; and by the office’s choice a word that neither training nor lists have, a text unlike training’s (too "
            "long, with unknown characters, in another language), or a witness that gives other codes."
        ),
    ),
    Term(
        N_("witness"),
        "",
        N_("A model of another family that is asked which codes it would give; it decides none itself."),
    ),
)
