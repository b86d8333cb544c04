"""What is said first: by frames whose answer is known, and never more than the seeds can show."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from gdbench.reports.answers import advices, overall
from gdbench.reports.caveats import answers, caveats
from gdbench.reports.judgement import RANKING, judgement, ranking, units
from gdbench.reports.ranking_table import readable
from gdbench.stats.trust import Trust

INF = np.inf
EIGHT = np.arange(100, 108.0)


def results(steps, *, batches=(8,), seconds=None, lrs=(0.01, 0.1, 1.0), best=0.1, target=True, environment=None):
    """A run whose rules need so many steps, by problem and rule, a number per seed; larger batches take as many."""
    rows = [
        {"problem": problem, "rule": rule, "lr": lr, "batch_size": batch, "role": role,
         "seed": seed + (10_000 if role == "tune" else 0), "status": "reached" if taken < INF else "exhausted",
         "setting": f"{rule}{lr}{batch}", "backend": "cpu", "steps": 1000, "epochs": 10.0 * batch / batches[0],
         "val_loss": min(taken, 1e4) / 100 * (1 if lr == best else 2), "test_accuracy": 0.9, "diverged_step": INF,
         "steps_to_target": taken * (1 if lr == best else 3) if target else np.nan}
        for (problem, rule), every in steps.items()
        for batch in batches
        for seed, taken in enumerate(every)
        for lr in lrs
        for role in (("tune", "report") if lr == best else ("tune",))
    ]  # fmt: skip
    trials = pd.DataFrame(rows).assign(trial=range(len(rows)))
    about = {
        "run": "cafe",
        "title": "T",
        "target": {"val_accuracy": [0.9]} if target else {},
        "hyperparameters": ["lr"],
    }
    facts = {"command": "gdbench run mine.toml", "wall_seconds": 60.0, **(environment or {})}
    columns = ["subject", "backend", "round", "seconds", "steps"]
    named = ["subject", "part", "problem", "rule", "batch_size", "jobs"]
    every = seconds or {}
    timings = pd.DataFrame(
        [(rule, "cpu", i, s, 1) for rule, own in every.items() for i, s in enumerate(own)], columns=columns
    )
    subjects = pd.DataFrame([(rule, "step", "p", rule, batches[0], 1) for rule in every], columns=named)
    subjects = subjects.assign(flops=np.nan, bytes=np.nan, memory=None, dtype="float32", layer=np.nan)
    return SimpleNamespace(
        about=about, environment=facts, trials=trials, curves=pd.DataFrame(), timings=timings, subjects=subjects
    )


def test_one_rule_that_is_soonest_for_certain():
    run = results({("p", "adam"): EIGHT, ("p", "sgd"): 2 * EIGHT, ("p", "lion"): 3 * EIGHT})
    (advice,) = advices(run)
    assert advice.instruction == "Use adam (learning rate 0.1), batch 8."
    assert advice.sentences == [
        "It reaches 90 % validation accuracy after 1 epoch, in 8 of 8 seeds.",
        "Certain: sgd takes 2 × and lion takes 3 × the epochs.",
    ]
    assert list(ranking(run).columns) == list(RANKING) and ranking(run)["group"].tolist() == [1, 2, 2]
    assert len(advice.words.split()) <= 60


def test_rules_that_cannot_be_told_apart_are_all_named():
    wide = EIGHT * np.array([0.5, 2.0, 0.4, 2.5, 0.6, 1.7, 0.7, 1.5])
    (advice,) = advices(results({("p", "adam"): EIGHT, ("p", "sgd"): wide}))
    assert advice.instruction == "Use adam (learning rate 0.1) or sgd (0.1), batch 8."
    assert advice.sentences[0].startswith("Both reach 90 % validation accuracy after 1 to ")
    assert advice.sentences[-1] == "8 seeds cannot tell adam and sgd apart."


def test_too_few_seeds_show_nothing_and_that_is_said():
    rules = {("p", name): (1 + place) * EIGHT[:5] for place, name in enumerate("abcdef")}
    run = results(rules)
    (advice,) = advices(run)
    assert advice.instruction == "Use a (learning rate 0.1), batch 8; 5 others may be as good."
    assert advice.sentences[1:] == ["5 seeds can show no difference between 6 rules; 8 can."]
    assert set(ranking(run)["group"]) == {1} and "×" not in advice.words
    assert caveats(run)[-1].title == "Five seeds can tell no rules apart."


def test_a_batch_size_that_costs_more_for_certain_is_told():
    run = results({("p", "adam"): EIGHT, ("p", "sgd"): EIGHT}, batches=(8, 32))
    (advice,) = advices(run)
    assert "batch 32 takes 4 ×" in advice.words and "Certain: batch 32 takes 4 × the epochs." in advice.sentences
    (by_steps,) = advices(run, "steps")
    assert "batch 32" not in by_steps.words  # as many steps


def test_what_nobody_reaches_and_what_nobody_survives():
    never = results({("p", "adam"): [INF] * 8, ("p", "sgd"): [INF] * 8})
    assert advices(never)[0].words == "No rule reached 90 % validation accuracy within its budget."
    never.trials["status"], never.trials["steps_to_target"] = "diverged", INF
    assert advices(never)[0].words.startswith("All 64 trials diverged, at step 1,000, so nothing was measured")


def test_a_rule_that_never_arrives_takes_infinitely_many():
    (advice,) = advices(results({("p", "adam"): EIGHT, ("p", "sgd"): [INF] * 8, ("p", "lion"): 2 * EIGHT}))
    told = ["Certain: lion takes 2 × the epochs.", "Certain: sgd rarely or never gets there."]
    assert advice.sentences[1:] == told
    lost = results({("p", "adam"): EIGHT, ("p", "sgd"): 2 * EIGHT}, target=False)
    reports = (lost.trials["rule"] == "sgd") & (lost.trials["role"] == "report")
    lost.trials.loc[reports, ["val_loss", "status"]] = INF, "diverged"
    assert "Certain: sgd ends at a higher loss." in advices(lost)[0].sentences


def test_several_problems_have_one_sentence_over_all():
    run = results({("p", "adam"): EIGHT, ("p", "sgd"): 2 * EIGHT, ("q", "adam"): EIGHT, ("q", "sgd"): 3 * EIGHT})
    assert overall(run) == "adam is among the soonest on 2 of 2 problems."
    assert [advice.problem for advice in advices(run)] == ["p", "q"] and answers(run)[0].startswith("p: Use adam")
    assert overall(results({("p", "adam"): EIGHT})) == ""


def test_without_a_target_the_loss_is_judged():
    run = results({("p", "adam"): EIGHT, ("p", "sgd"): 2 * EIGHT}, target=False)
    assert units(run) == ["loss"] and ranking(run)["unit"].tolist() == ["loss"] * 2
    (advice,) = advices(run)
    assert advice.sentences == ["It ends at a loss of 1.04.", "Certain: sgd takes 2 × the loss."]


def test_the_grid_that_ends_too_early_and_the_seeds_are_caveats():
    run = results({("p", "adam"): EIGHT, ("p", "sgd"): 2 * EIGHT[::-1]}, lrs=(0.001, 0.01, 0.1))
    found = {caveat.title: caveat for caveat in caveats(run)}
    assert (
        found["The grid ends too early."].words == "adam at batch 8 does best at 0.1, the largest learning rate tried."
    )
    (seeds,) = (caveat for title, caveat in found.items() if "seeds see" in title)
    assert seeds.command.startswith("gdbench run mine.toml --seeds ") and seeds.takes.startswith("about ")
    assert len(found) == 3


def test_times_are_shown_only_where_they_are_trusted(monkeypatch):
    seconds = {"adam": [4e-3] * 8, "sgd": [1e-3] * 8}
    run = results({("p", "adam"): EIGHT, ("p", "sgd"): 2 * EIGHT}, seconds=seconds)
    assert units(run) == ["epochs", "steps"]
    (caveat, *_) = caveats(run)
    assert (
        caveat.title == "Ranked by data seen, not by seconds." and caveat.command == "python -m gdbench time --run cafe"
    )
    monkeypatch.setattr("gdbench.reports.judgement.trust", lambda *given: Trust([], []))
    run = results({("p", "adam"): EIGHT, ("p", "sgd"): 2 * EIGHT}, seconds=seconds)
    assert units(run) == ["time", "epochs", "steps"]
    (advice,) = advices(run)
    assert advice.instruction.startswith("Use sgd ") and "after 207 ms" in advice.sentences[0]
    assert judgement(run, "epochs").rules["rule"].tolist() == ["adam", "sgd"]
    assert not any("seconds" in caveat.title for caveat in caveats(run))


@pytest.mark.parametrize("wide", [True, False])
def test_the_table_has_seven_columns_or_six(wide):
    run = results({("p", "adam"): EIGHT, ("p", "sgd"): 2 * EIGHT})
    rows = readable(judgement(run), run, wide=wide)
    names = ["rule", "learning rate", "batch", "epochs to 90 %", "× adam", "reached", "test accuracy"]
    assert list(rows[0]) == names[: 7 if wide else 6]
    assert [row["× adam"].split(" [")[0] for row in rows] == ["1", "2 ×"]


TWENTY = np.arange(100, 120.0)


def test_a_difference_is_told_with_its_interval_or_by_its_direction_alone():
    doubled = np.where(np.arange(20) < 9, 2 * TWENTY, TWENTY)  # the median pair is a tie
    (advice,) = advices(results({("p", "adam"): TWENTY, ("p", "sgd"): doubled}))
    assert advice.instruction.startswith("Use adam ") and advice.sentences[1:] == [
        "Certain: sgd takes more, up to 2 × the epochs."
    ]
    spread = TWENTY * np.linspace(1.5, 3.0, 20)
    (advice,) = advices(results({("p", "adam"): TWENTY, ("p", "sgd"): spread}))
    assert advice.sentences[1].startswith("Certain: sgd takes 1.") and " to 2." in advice.sentences[1]


def against_tuning(sooner, chosen, **options):
    """A run whose tuning seeds chose sgd, and whose reporting seeds take so many steps with adam and with sgd."""
    run = results({("p", "adam"): sooner, ("p", "sgd"): TWENTY}, **options)
    reports = (run.trials["role"] == "report") & (run.trials["rule"] == "sgd")
    if not options:
        run.trials.loc[reports, "steps_to_target"] = np.asarray(chosen)
    tuned = (run.trials["role"] == "tune") & (run.trials["rule"] == "adam")
    run.trials.loc[tuned, "steps_to_target"] *= 100
    run.trials.loc[tuned, "val_loss"] *= 100
    return run


@pytest.mark.parametrize(
    ("sooner", "chosen", "options", "told"),
    [
        (TWENTY / 2, TWENTY, {}, "adam takes 0.5 × the epochs of sgd, which the tuning seeds chose"),
        (np.where(np.arange(20) < 9, TWENTY / 2, TWENTY), TWENTY, {}, "adam takes 0.5 to 1 × the epochs of sgd"),
        (np.where(np.arange(20) < 8, TWENTY / 2, TWENTY), TWENTY, {}, "adam takes "),
        (TWENTY, [INF] * 20, {}, "adam gets there, unlike sgd, which the tuning seeds chose"),
        (TWENTY / 2, TWENTY, {"target": False}, "adam takes 0.5 × the loss of sgd"),
    ],
)
def test_a_rule_that_is_sooner_than_the_one_that_tuning_chose(sooner, chosen, options, told):
    (advice,) = advices(against_tuning(sooner, chosen, **options))
    assert advice.sentences[1].startswith(f"Certain: {told}")
    assert "more than" not in advice.words and "∞" not in advice.words and " 0 ×" not in advice.words


def test_a_lower_negative_loss_has_no_ratio_either():
    run = against_tuning(TWENTY / 2, TWENTY, target=False)
    run.trials["val_loss"] -= 1000
    assert advices(run)[0].sentences[1] == "Certain: adam ends at a lower loss than sgd, which the tuning seeds chose."


def test_many_batch_sizes_are_summed_up_as_such():
    run = results({("p", "adam"): TWENTY, ("p", "sgd"): TWENTY}, batches=(8, 16, 32, 64, 128, 256))
    words = advices(run)[0].words
    assert "batch 16 takes 2 ×" in words and "3 other batches take 8 to 32 × the epochs" in words


def test_a_target_that_few_seeds_reach():
    few = np.where(np.arange(20) < 9, TWENTY, INF)
    (advice,) = advices(results({("p", "adam"): few, ("p", "sgd"): [INF] * 20}))
    assert advice.instruction.startswith("Use adam ")
    assert advice.sentences[0] == "It reaches 90 % validation accuracy in only 9 of 20 seeds."


def test_where_other_seeds_disagree_with_tuning_only_what_was_tested_is_told():
    run = results({("p", "adam"): EIGHT, ("p", "sgd"): 1.1 * EIGHT, ("p", "lion"): 1.2 * EIGHT})
    reports, tuned = run.trials["role"] == "report", run.trials["role"] == "tune"
    assert tuned.any()
    run.trials.loc[reports & (run.trials["rule"] == "sgd"), "steps_to_target"] = EIGHT / 2
    (advice,) = advices(run)
    assert advice.instruction == "Use sgd (learning rate 0.1), batch 8."
    assert advice.sentences[1:] == ["Certain: sgd takes 0.5 × the epochs of adam, which the tuning seeds chose."]


def test_nothing_exceeds_sixty_words():
    same = {
        ("p", f"rule {name}"): TWENTY * np.random.default_rng(i).permutation(np.linspace(0.9, 1.1, 20))
        for i, name in enumerate("abc")
    }
    worse = {("p", f"slow {name}"): (3 + i) * TWENTY for i, name in enumerate("defghi")}
    (advice,) = advices(results({**same, **worse}, batches=(8, 16, 32)))
    assert len(advice.words.split()) <= 60 and advice.instruction.startswith("Use rule ")
    assert "cannot tell these 3 rules apart" in advice.words


def test_several_problems_without_a_target_are_judged_by_their_loss():
    steps = {(problem, rule): scale * EIGHT for problem in "pq" for rule, scale in (("adam", 1), ("sgd", 2))}
    assert overall(results(steps, target=False)) == "adam is among those of the lowest loss on 2 of 2 problems."


def test_a_function_has_no_batch_size():
    run = results({("p", "adam"): EIGHT, ("p", "sgd"): 2 * EIGHT}, batches=(1,), target=False)
    run.trials = run.trials.rename(columns={"val_loss": "value"}).drop(columns="test_accuracy")
    assert advices(run)[0].instruction == "Use adam (learning rate 0.1)."
    network = results({("p", "adam"): EIGHT, ("p", "sgd"): 2 * EIGHT}, batches=(1,))
    assert advices(network, "steps")[0].instruction == "Use adam (learning rate 0.1), batch 1."
    assert readable(judgement(network, "steps"), network)[0]["batch"] == "1"


def test_negative_losses_have_no_ratio():
    run = results({("p", "adam"): EIGHT, ("p", "sgd"): 2 * EIGHT}, target=False)
    run.trials["val_loss"] -= 10
    assert advices(run)[0].sentences[1] == "Certain: sgd ends at a higher loss."


def test_no_caveat_contradicts_what_is_certain():
    for other in ([INF] * 8, 2 * EIGHT):  # a gap without a finite value, and one that does not vary
        run = results({("p", "adam"): EIGHT, ("p", "sgd"): other})
        assert not [
            caveat.title for caveat in caveats(run) if "seeds" in caveat.title and "seconds" not in caveat.title
        ]


def test_a_timing_that_failed_can_be_made_again_with_the_same_plug_ins():
    facts = {"timing_error": "RuleError: no", "command": "python -m gdbench run a.toml --plugin 'my rule.py'"}
    run = results({("p", "adam"): EIGHT, ("p", "sgd"): 2 * EIGHT}, environment=facts)
    (caveat, *_) = caveats(run)
    assert caveat.command == "python -m gdbench time --run cafe --plugin 'my rule.py'"
