"""Days of plain rows with a known truth, and the reference profile of the rows a release learned from."""

from datetime import date, timedelta

import numpy as np
import pandas as pd

from evergreen.reference_profile import CategoryProfile, NumericProfile, ReferenceProfile

MONDAY = date(2013, 4, 1)


def stream(days, rows_per_day=300, *, first_day=MONDAY, seed=0, **columns):
    """Rows of consecutive days.

    Args:
        days: How many days.
        rows_per_day: Rows of each.
        first_day: The first of them.
        seed: Where the random numbers begin.
        **columns: Per column a function of (generator, n_rows, day number) that returns its values.
    """
    rng = np.random.default_rng(seed)
    columns = columns or {"amount": lambda r, n, d: r.normal(100, 15, n), "kind": lambda r, n, d: r.choice(["a", "b", "c"], n)}
    parts = []
    for number in range(days):
        day = first_day + timedelta(days=number)
        frame = pd.DataFrame({name: make(rng, rows_per_day, number) for name, make in columns.items()})
        frame.insert(0, "_day", [day] * rows_per_day)
        parts.append(frame)
    return pd.concat(parts, ignore_index=True)


def profile_of(frame, *, categorical=("kind",), probability=None, positive_share=0.2, answer_share=None):
    """The reference profile of a frame, counted the plain way."""
    weekdays = np.array([day.weekday() for day in frame["_day"]])
    days_by_weekday = pd.Series({day: day.weekday() for day in frame["_day"].unique()}).value_counts()
    features = {
        name: (category_profile if name in categorical else number_profile)(frame[name], weekdays)
        for name in frame.columns.drop(["_day"])
        if not name.startswith("_") and name != "probability"
    }
    return ReferenceProfile(
        rows=len(frame),
        days=frame["_day"].nunique(),
        features=features,
        probability=None if probability is None else number_profile(pd.Series(probability), weekdays),
        positive_share=positive_share,
        answer_share=answer_share,
        rows_by_weekday=tuple(
            float((weekdays == day).sum() / days_by_weekday[day]) if day in days_by_weekday else 0.0 for day in range(7)
        ),
    )


def number_profile(values, weekdays, *, design_effect=1.0):
    """The profile of a number."""
    there = values.notna().to_numpy()
    found = np.unique(values[there].to_numpy(dtype=float))
    counts = [[int(n) for n in _counts(values[there & (weekdays == day)], found)] for day in range(7)]
    return NumericProfile(
        rows=len(values),
        nulls=int((~there).sum()),
        nulls_by_weekday=[int((~there & (weekdays == day)).sum()) for day in range(7)],
        values=found.tolist(),
        counts=counts,
        exact=True,
        minimum=found.min() if len(found) else None,
        maximum=found.max() if len(found) else None,
        mean=float(values.mean()) if len(found) else None,
        standard_deviation=float(values.std(ddof=0)) if len(found) else None,
        design_effect=design_effect,
    )


def category_profile(values, weekdays, *, design_effect=1.0):
    """The profile of a category."""
    there = values.notna().to_numpy()
    return CategoryProfile(
        rows=len(values),
        nulls=int((~there).sum()),
        nulls_by_weekday=[int((~there & (weekdays == day)).sum()) for day in range(7)],
        counts={
            str(value): [int(((values == value).to_numpy() & (weekdays == day)).sum()) for day in range(7)]
            for value in sorted(values[there].unique())
        },
        design_effect=design_effect,
    )


def _counts(values, found):
    return np.bincount(np.searchsorted(found, values.to_numpy(dtype=float)), minlength=len(found))
