"""Learn the baseline."""

from __future__ import annotations

from typing import TYPE_CHECKING

from evergreen.errors import DefinitionError
from evergreen.predictors.baseline import SMOOTHING_ROWS, RateTable
from evergreen.predictors.encoder import Encoder
from evergreen.stages.train.fitted import Fitted, as_shares

if TYPE_CHECKING:
    from evergreen.definitions.training import Training
    from evergreen.stages.train.folds import Fold
    from evergreen.stages.train.rows import TrainingRows


def learn_rates(rows: TrainingRows, folds: tuple[Fold, ...], training: Training) -> Fitted:
    """Fit a rate table by `training.baseline_by`; nothing is searched for.

    Raises:
        DefinitionError: `baseline_by` names a column that is no feature.
    """
    by = training.baseline_by
    known = (*rows.numeric, *rows.categorical)
    unknown = [name for name in by if name not in known]
    if unknown:
        raise DefinitionError(
            "`training.baseline_by` names a column that is no feature",
            found=", ".join(unknown[:10]),
            allowed=", ".join(known[:50]),
            remedy="name features that row_features returns",
        )
    encoder = Encoder.fit(rows.frame, (), by)
    matrix = encoder.transform(rows.frame)
    table = RateTable.fit(matrix, rows.label)
    fold_scores = tuple(RateTable.fit(matrix[f.train], rows.label[f.train]).score(matrix[f.test]) for f in folds)
    return Fitted(
        encoder=encoder,
        model_files={"model.json": table.to_bytes()},
        intercept=0.0,
        hyper_parameters={"by": ", ".join(by), "smoothing_rows": SMOOTHING_ROWS},
        fold_scores=fold_scores,
        importance=as_shares(dict.fromkeys(by, 1.0)),
    )
