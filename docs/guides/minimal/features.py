"""Features of an order: what is known when it is placed."""

import pandas as pd


def row_features(rows: pd.DataFrame, entities: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """Return one row of features per order, in the same order."""
    return pd.DataFrame(
        {
            "country": rows["country"],
            "amount": rows["amount"],
            "hour": rows["_prediction_time"].dt.hour,
            "weekday": rows["_prediction_time"].dt.dayofweek,
        },
        index=rows.index,
    )
