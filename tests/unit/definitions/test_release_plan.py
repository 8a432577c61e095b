"""What cannot be right about the way of a challenger to its callers, and about what takes it back."""

import pytest


@pytest.mark.parametrize(
    ("release", "path", "what"),
    [
        ("{probation: {look_after_days: [14, 3]}}", "look_after_days[1]", "the look comes too soon"),
        ("{probation: {look_after_days: [21, 14]}}", "look_after_days[1]", "a look must come after the one before"),
        ("{probation: {look_after_days: [14, 14]}}", "look_after_days[1]", "a look must come after the one before"),
        ("{probation: {look_after_days: [0]}}", "look_after_days[0]", "wrong value"),
        ("{probation: {confidence: 1.0}}", "probation.confidence", "wrong value"),
        ("{probation: {minimum_effect: -0.1}}", "probation.minimum_effect", "wrong value"),
        ("{probation: {look_after: 14d}}", "probation.look_after", "unknown key"),
        ("{trial: {give_up_after: 1h}}", "trial", "a direct rollout has no trial"),
        ("{rollout: canary, trial: {steps: [{share: 0.5}, {share: 0.2}]}}", "steps[1].share", "a step must have more traffic"),
        (
            "{rollout: canary, trial: {steps: [{share: 1, hold: 2d}]}}",
            "steps[0].hold",
            "the step is given up before it is over",
        ),
        ("{rollout: blue_green, trial: {steps: [{share: 0.5}]}}", "trial.steps", "blue/green switches all traffic at once"),
        ("{rollout: blue-green}", "release.rollout", "unknown word"),
    ],
)
def test_a_mistake_is_told_where_it_is(problems_after, release, path, what):
    problems = problems_after("gate:\n", f"release: {release}\ngate:\n")
    assert any(problem.path.endswith(path) and problem.what.startswith(what) for problem in problems), problems
