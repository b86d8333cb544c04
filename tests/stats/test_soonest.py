"""Which rule is soonest, in each unit, by frames whose answer is known."""

import math

import numpy as np
import pandas as pd
import pytest

from gdbench.stats import soonest as module
from gdbench.stats.soonest import COLUMNS


def soonest(given, unit="epochs", seconds=None):
    """The rules alone, judged in one unit."""
    return module.soonest(given, [unit], seconds)[unit].rules


def trials(steps, *, tune=True, lr=0.1):
    """Rows of `Run.trials`: steps is by problem, rule, batch size, one number per seed (of tuning and reporting)."""
    rows = []
    for (problem, rule, batch), needed in steps.items():
        for role in ("tune", "report") if tune else ("report",):
            for seed, value in enumerate(needed):
                rows.append(
                    {
                        "problem": problem,
                        "rule": rule,
                        "batch_size": batch,
                        "seed": seed,
                        "role": role,
                        "lr": lr,
                        "setting": f"{problem}{rule}{batch}",
                        "trial": len(rows),
                        "steps_to_target": float(value),
                        "status": "reached" if math.isfinite(value) else "exhausted",
                        "val_loss": 1.0,
                        "steps": 300,
                        "epochs": 300 * batch / 1000,
                    }
                )
    return pd.DataFrame(rows)


EIGHT = np.arange(100, 108)


def test_the_unit_chooses_the_batch_size_and_with_it_the_winner():
    given = trials(
        {
            ("p", "adam", 16): EIGHT,
            ("p", "adam", 64): EIGHT / 2,  # fewer steps, twice the samples
            ("p", "sgd", 16): 1.5 * EIGHT,
        }
    )
    by_epochs, by_steps = soonest(given, "epochs"), soonest(given, "steps")
    assert list(by_epochs.columns) == list(COLUMNS)
    assert by_epochs["batch_size"].tolist() == [16, 16] and by_epochs["to_target"].tolist() == pytest.approx(
        [1.656, 2.484]
    )
    assert by_steps["batch_size"].tolist() == [64, 16] and by_steps["to_target"].tolist() == [51.75, 155.25]
    seconds = {
        ("p", "adam", 16): np.full(9, 5e-3),
        ("p", "adam", 64): np.full(9, 6e-3),
        ("p", "sgd", 16): np.full(9, 1e-3),
    }
    by_time = soonest(given, "time", seconds)
    assert by_time["rule"].tolist() == ["sgd", "adam"] and by_time["batch_size"].tolist() == [16, 64]
    assert by_time["to_target"].tolist() == pytest.approx([0.15525, 0.3105]) and by_time["group"].tolist() == [1, 2]
    assert by_time["ratio"].tolist() == pytest.approx([1.0, 2.0])


def test_rules_that_seeds_cannot_tell_apart_share_a_group():
    wide = EIGHT * np.array([0.5, 2.0, 0.4, 2.5, 0.6, 1.7, 0.7, 1.5])
    found = soonest(trials({("p", "adam", 1): EIGHT, ("p", "sgd", 1): wide, ("p", "slow", 1): 3 * EIGHT}))
    assert dict(zip(found["rule"], found["group"], strict=True)) == {"adam": 1, "sgd": 1, "slow": 2}
    assert found["p_holm"].tolist()[2] == 2 * 2 / 256 and math.isnan(found["p_holm"][0])
    few = trials({("p", "adam", 1): EIGHT[:5], ("p", "sgd", 1): 9 * EIGHT[:5]})
    assert soonest(few)["group"].tolist() == [1, 1]  # five seeds can show nothing


def test_a_rule_that_beats_the_one_that_tuning_chose_comes_first():
    given = trials({("p", "adam", 1): EIGHT, ("p", "sgd", 1): 2 * EIGHT})
    given.loc[(given["role"] == "report") & (given["rule"] == "sgd"), "steps_to_target"] /= 4
    found = soonest(given)
    assert found["rule"].tolist() == ["sgd", "adam"] and found["group"].tolist() == [1, 2]
    assert found["reference"].tolist() == ["adam", "adam"] and found["ratio"].tolist() == pytest.approx([0.5, 1.0])


def test_without_tuning_seeds_every_pair_is_tested():
    steps = {("p", "adam", 1): EIGHT, ("p", "sgd", 1): 2 * EIGHT, ("p", "slow", 1): 3 * EIGHT}
    found = soonest(trials(steps, tune=False))
    assert found["group"].tolist() == [1, 2, 2] and found["p_holm"].tolist()[1:] == [3 * 2 / 256] * 2
    assert found["ratio"].tolist() == pytest.approx([1.0, 2.0, 3.0])


def test_what_is_never_reached_counts_and_problems_stand_for_themselves():
    steps = {
        ("p", "adam", 1): EIGHT,
        ("p", "sgd", 1): np.full(8, math.inf),
        ("q", "sgd", 4): EIGHT,
        ("q", "adam", 4): EIGHT,
    }
    found = soonest(trials(steps))
    assert found["problem"].tolist() == ["p", "p", "q", "q"] and found["reached"].tolist() == [8, 0, 8, 8]
    assert found["ratio"].tolist() == [1.0, math.inf, 1.0, 1.0] and found["group"].tolist() == [1, 2, 1, 1]


def test_a_difference_within_the_error_of_the_timing_is_none():
    given = trials({("p", "adam", 1): EIGHT, ("p", "sgd", 1): 1.05 * EIGHT})
    sure = np.random.default_rng(0).lognormal(0.0, 0.001, 15) * 1e-3
    unsure = np.random.default_rng(0).lognormal(0.0, 0.2, 15) * 1e-3
    for costs, group in ((sure, 2), (unsure, 1)):
        seconds = {("p", "adam", 1): costs, ("p", "sgd", 1): costs[::-1]}
        assert soonest(given, "time", seconds)["group"].tolist() == [1, group]
    assert soonest(given, "epochs")["group"].tolist() == [1, 2]


def test_an_unknown_unit_and_no_trials():
    with pytest.raises(ValueError, match="unit 'hours' is not one of epochs, steps, time"):
        soonest(trials({("p", "adam", 1): EIGHT}), "hours")
    assert soonest(trials({("p", "adam", 1): EIGHT}).iloc[:0]).empty


def test_other_batch_sizes_of_the_reference_are_judged_with_the_rules():
    steps = {
        ("p", "adam", 16): EIGHT,
        ("p", "adam", 64): 2 * EIGHT,
        ("p", "sgd", 16): 2 * EIGHT,
        ("p", "sgd", 64): EIGHT,
    }
    found = module.soonest(trials(steps), ["steps"])["steps"]
    batches = found.batches.set_index(["rule", "batch_size"])
    assert found.comparisons == 2 and found.pairs == 8 and set(found.gaps) == {("p", "sgd", "adam")}
    assert batches.loc[("adam", 64), "ratio"] == pytest.approx(2.0) and batches.loc[("adam", 64), "p_holm"] < 0.05
    assert batches["chosen"].to_dict() == {
        ("adam", 16): True, ("sgd", 64): True, ("adam", 64): False, ("sgd", 16): False
    }  # fmt: skip
    assert math.isnan(batches.loc[("sgd", 16), "p_holm"])


def test_without_a_target_the_lowest_loss_comes_first():
    given = trials({("p", "adam", 1): EIGHT, ("p", "sgd", 1): EIGHT}).assign(steps_to_target=math.nan)
    given["val_loss"] = np.where(given["rule"] == "sgd", 1.0, 2.0) + given["seed"] / 100
    found = soonest(given, "loss")
    assert found["rule"].tolist() == ["sgd", "adam"] and found["group"].tolist() == [1, 2]
    assert found["ratio"].tolist() == pytest.approx(
        [1.0, np.median((2 + np.arange(8) / 100) / (1 + np.arange(8) / 100))], rel=1e-4
    )
    negative = given.assign(val_loss=given["val_loss"] - 5)
    below = soonest(negative, "loss")
    assert below["group"].tolist() == [1, 2] and below["ratio"].isna().all()


def test_a_function_has_no_epochs():
    given = trials({("p", "adam", 1): EIGHT, ("p", "sgd", 1): 2 * EIGHT}).rename(columns={"val_loss": "value"})
    assert set(soonest(given)["unit"]) == {"steps"}


TWENTY = np.arange(100.0, 120.0)


def test_the_direction_is_that_of_the_test_and_not_of_the_median_pair():
    """With ties the median pair may be exactly 1 where the signed ranks are sure."""
    doubled = np.where(np.arange(20) < 9, 2 * TWENTY, TWENTY)
    later = soonest(trials({("p", "adam", 1): TWENTY, ("p", "sgd", 1): doubled}))
    assert later["rule"].tolist() == ["adam", "sgd"] and later["group"].tolist() == [1, 2]
    assert later["ratio"].tolist() == [1.0, 1.0]
    few = np.where(np.arange(20) < 9, TWENTY, math.inf)
    never = soonest(trials({("p", "adam", 1): few, ("p", "sgd", 1): np.full(20, math.inf)}))
    assert never["rule"].tolist() == ["adam", "sgd"] and never["group"].tolist() == [1, 2]


def test_all_units_of_a_page_are_tested_together():
    steps = {16: EIGHT, 64: EIGHT / 2}  # batch 64 takes fewer steps and more epochs
    given = trials({("p", rule, batch): steps[batch] for rule in ("adam", "sgd") for batch in steps})
    seconds = {("p", rule, batch): np.full(9, batch * 1e-3) for rule in ("adam", "sgd") for batch in (16, 64)}
    found = module.soonest(given, ["time", "epochs", "steps"], seconds)
    # In each unit sgd beside adam, and adam's other batch size. In steps and in epochs adam's best batch is 64 and 16.
    assert {each.comparisons for each in found.values()} == {6}
    one = module.soonest(trials({("p", "adam", 16): EIGHT, ("p", "sgd", 16): EIGHT}), ["epochs", "steps"])
    assert one["epochs"].comparisons == 1  # at one batch size the epochs are the steps


def test_without_tuning_seeds_all_pairs_of_settings_count():
    given = pd.concat(
        [trials({("p", "adam", 1): EIGHT, ("p", "sgd", 1): 2 * EIGHT}, tune=False, lr=lr) for lr in (0.1, 1.0)]
    )
    given["setting"] = given["rule"] + given["lr"].astype(str)
    found = module.soonest(given, ["epochs"])["epochs"]
    assert found.comparisons == 6 and found.rules["p_holm"].tolist()[1:] == [6 * 2 / 256]


def test_a_setting_that_was_not_timed_makes_no_claim():
    given = trials({("p", "adam", 1): EIGHT, ("p", "sgd", 1): np.full(8, math.inf)})
    found = soonest(given, "time", {("p", "adam", 1): np.full(9, 1e-3)})
    assert found["group"].tolist() == [1, 1]
