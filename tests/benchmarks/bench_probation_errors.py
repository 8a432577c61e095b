"""How often probation is wrong: `python tests/benchmarks/bench_probation_errors.py [runs] [first seed]`; probation.md has it.

Every run simulates the first 28 days of a new champion beside the release that it replaced, and looks at them as a night does.
Both know the truth up to noise of their own: with equal noise they are equally good.
"""

import sys
from collections import Counter
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))

from evergreen.definitions.gate import Gate
from evergreen.definitions.monitoring import Performance
from evergreen.definitions.release import Probation
from evergreen.definitions.training import Costs
from evergreen.stages.retrain.way_back import judge_probation
from evergreen.statistics.paired_measures import Answered, paired_measures
from evergreen.statistics.roc_auc import roc_auc
from gate_simulation import World, simulate
from watched_nights import beside, diagnosis

GATE, COSTS, RULES, SIZES = Gate(), Costs(), Probation(), Performance()
DAYS = max(RULES.look_after_days)
NOISES = (0.35, 0.45, 0.55, 0.75, 1.05)
"""Of the new champion; the release before has 0.35. Each is a loss that `true_loss` measures."""
ROWS_PER_DAY = (100, 300, 900)
TRUTH_DAYS = 3000


def look(answers, days: int):
    """Decide as the night does that looks at the first so many days."""
    within = answers.day_numbers < days
    label = answers.labels[within]
    found = paired_measures(
        label,
        [answers.days[number] for number in answers.day_numbers[within]],
        Answered(answers.probabilities("champion")[within], 0.5),
        Answered(answers.probabilities("challenger")[within], 0.5),
        gate=GATE,
        costs=COSTS,
        confidence=RULES.confidence_of_a_look,
    ).improvement
    fields = {"improvement": found.estimate, "lower": found.lower, "upper": found.upper}
    size = {"rows": len(label), "days": days, "positives": int(label.sum())}
    return judge_probation(diagnosis(), beside(**fields, **size), RULES, SIZES)


def true_loss(noise: float) -> float:
    """Return how much worse the new champion is in truth, in ROC AUC, on very many days."""
    answers = simulate(10**6, World(days=TRUTH_DAYS, rows_per_day=200), challenger_noise=noise)
    return roc_auc(answers.labels, answers.probabilities("champion")) - roc_auc(
        answers.labels, answers.probabilities("challenger")
    )


def count(runs: range, noise: float, rows_per_day: int) -> Counter[int]:
    """Return after how many days each champion was taken back; 0 for never."""
    ended: Counter[int] = Counter()
    world = World(days=DAYS, rows_per_day=rows_per_day)
    for seed in runs:
        answers = simulate(seed, world, challenger_noise=noise)
        ended[next((days for days in RULES.look_after_days if look(answers, days).yes), 0)] += 1
    return ended


if __name__ == "__main__":
    n_runs = int(sys.argv[1]) if len(sys.argv) > 1 else 400
    first = int(sys.argv[2]) if len(sys.argv) > 2 else 0
    for noise in NOISES:
        loss = true_loss(noise)
        for rows in ROWS_PER_DAY:
            ended = count(range(first, first + n_runs), noise, rows)
            back = {days: f"{ended[days] / n_runs:.1%}" for days in RULES.look_after_days}
            never = ended[0] / n_runs
            print(f"true loss {loss:.4f}, {rows} rows a day: taken back {1 - never:.1%}", back, flush=True)
    print("runs:", n_runs, "expected standard error at 1 %:", f"{np.sqrt(0.01 * 0.99 / n_runs):.2%}")
