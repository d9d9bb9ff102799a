"""Interleaved timing, with actions that only write down that they ran."""

import math
import time

import pytest
from benchmarks.timing import Action, Times, interleave, timed


def recorder(log, name, seconds=0.5):
    def run():
        log.append(name)
        return seconds

    return run


def test_every_round_runs_every_action_once_and_orders_differ():
    log = []
    names = list("abcd")
    times = interleave({name: Action(recorder(log, name)) for name in names}, rounds=6, warmup=2)
    rounds = [log[k : k + 4] for k in range(0, len(log), 4)]
    assert len(rounds) == 8
    assert all(sorted(order) == names for order in rounds)
    assert len({tuple(order) for order in rounds}) > 1
    assert {name: len(value.seconds) for name, value in times.items()} == dict.fromkeys(names, 6)


def test_limited_actions_run_no_warm_up_and_no_more_than_they_may():
    log = []
    actions = {
        "free": Action(recorder(log, "free")),
        "thrice": Action(recorder(log, "thrice"), most=3),
        "costly": Action(recorder(log, "costly", seconds=6.0), most=3, budget=10.0),
    }
    times = interleave(actions, rounds=5)
    assert [log.count(name) for name in actions] == [7, 3, 2]
    assert len(times["thrice"].seconds) == 3
    assert times["costly"].seconds == (6.0, 6.0)


def test_an_action_that_fails_is_left_out_from_then_on():
    answers = iter([0.1, None, 0.1])
    log = []
    times = interleave({"good": Action(recorder(log, "good")), "bad": Action(lambda: next(answers))}, 5, warmup=0)
    assert list(times) == ["good"]
    assert next(answers) == 0.1


def test_short_actions_get_more_rounds():
    times = interleave({"short": Action(timed(lambda: time.sleep(0.001)))}, rounds=1, seconds=60.0, warmup=0)
    assert len(times["short"].seconds) == 10


def test_a_timed_function_returns_the_time_it_took():
    assert timed(lambda: time.sleep(0.02))() >= 0.02


def test_median_and_spread_are_those_of_a_count_by_hand():
    times = Times((4.0, 1.0, 2.0, 3.0, 100.0))
    assert times.median == 3.0
    assert times.spread == pytest.approx((4.0 - 2.0) / 2 / 3.0)
    assert Times((2.0,)).spread == 0.0
    assert not math.isnan(Times((1.0, 3.0)).spread)
