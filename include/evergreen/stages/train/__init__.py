"""Stage `train`: baseline, logistic regression and XGBoost, each searched, fitted and calibrated in the order of time."""

from evergreen.stages.train.candidate import train_candidate
from evergreen.stages.train.plan import plan_candidates

__all__ = ["plan_candidates", "train_candidate"]
