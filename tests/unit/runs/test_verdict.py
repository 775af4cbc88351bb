"""Two short sentences: whether the new model is better, and what else is to be known of that."""

from dataclasses import replace

from loghi_contract.events import (
    DataSummary,
    Epoch,
    Evaluation,
    Event,
    Finished,
    FinishStatus,
    Fold,
    LanguageModel,
    Model,
    Payload,
    Trial,
)
from loghi_contract.language_model import OnValidation
from loghi_runner.evaluation.counts import count
from loghi_runner.evaluation.judgement import judge, judge_forgetting
from loghi_runner.runs.progress import Progress
from loghi_runner.runs.verdict import RunJudgement, still_improving, verdict_of


def epoch(number: int, cer: float, *, is_best: bool = True) -> Epoch:
    return Epoch(number, 15, None, cer, 0.5, None, 1.0, is_best)


def verdict(
    *payloads: Payload, best_epoch: int = 2, from_scratch: bool = False, judgement: RunJudgement | None = None
) -> str | None:
    finished = Finished(FinishStatus.COMPLETED, best_epoch, 0.1, "model/best_val")
    events = [Event(i, 0.0, "run", payload) for i, payload in enumerate((*payloads, finished))]
    return verdict_of(Progress.of(events), from_scratch=from_scratch, judgement=judgement)


def scores(before: float, after: float, split: str = "test") -> tuple[Evaluation, Evaluation]:
    return (
        Evaluation(split, Model.BASE, 50, before, 0.9),
        Evaluation(split, Model.BEST, 50, after, 0.5),
    )


TRAINED = (epoch(0, 0.3), epoch(1, 0.2), epoch(2, 0.1))


def test_test_lines_give_the_verdict() -> None:
    assert verdict(*TRAINED, *scores(0.312, 0.098)) == "CER on 50 test lines: 31.2 % before, 9.8 % after"


def with_language_model(cer: float) -> tuple[Payload, ...]:
    before, after = scores(0.312, 0.098)
    said = OnValidation(118, 0.1, cer, 0.7)
    return (*TRAINED, before, LanguageModel(6, (), said), replace(after, lm_cer=0.06))


def test_the_language_model_is_told_in_the_second_sentence_where_it_helps() -> None:
    by_image = "CER on 50 test lines: 31.2 % before, 9.8 % after"

    assert verdict(*with_language_model(0.04)) == (f"{by_image}. With the language model of its training texts 6.0 %")
    assert verdict(*with_language_model(0.1)) == by_image


def test_a_model_that_is_worse_on_test_lines_is_not_praised() -> None:
    assert verdict(*TRAINED, *scores(0.1, 0.12)) == (
        "CER on 50 test lines: 10.0 % before, 12.0 % after. Not better on lines that chose nothing: keep the base model"
    )


def test_without_test_lines_the_verdict_says_what_it_rests_on() -> None:
    assert verdict(DataSummary("val", 48, 900), *TRAINED) == (
        "CER on 48 validation lines: 30.0 % before, 10.0 % after. "
        "These lines also chose the model: give data.test for a score that chose nothing"
    )


def test_no_better_epoch_means_keep_the_base_model() -> None:
    told = verdict(epoch(0, 0.05), epoch(1, 0.06, is_best=False), *scores(0.05, 0.05), best_epoch=0)
    assert told == (
        "no epoch was better than the base model: keep the base model (CER on 50 test lines: 5.0 % before, 5.0 % after)"
    )


def test_a_run_stopped_in_its_first_epoch_does_not_blame_the_training() -> None:
    assert verdict(epoch(0, 0.05), best_epoch=0) == (
        "stopped before the first epoch was over: best_val is still the base model"
    )


def test_a_run_stopped_while_it_tried_ways_has_no_model_yet() -> None:
    assert verdict(Trial("loghi", 1, 2, 62, 62, 0.185), best_epoch=0) == "stopped before there was a model"


def test_forgetting_is_told_beside_the_gain() -> None:
    told = verdict(*TRAINED, *scores(0.3, 0.1), *scores(0.02, 0.08, "base_domain"))
    assert told is not None
    assert told.endswith("10.0 % after. On 50 lines of the old hand 2.0 % before, 8.0 % after")


def test_a_loss_that_is_no_chance_is_called_forgetting() -> None:
    counts = [count("den gamle hand", reading) for reading in ("den gamla hand", "den gamla hond")]
    forgetting = judge_forgetting(counts[:1] * 20, counts[1:] * 20, ["p"] * 20)
    told = verdict(*TRAINED, *scores(0.3, 0.1), judgement=RunJudgement(forgetting=forgetting))
    assert told is not None
    assert told.endswith(". On 20 lines of the old hand it forgot some: 7.1 % before, 14.3 % after, errors doubled")


def test_a_verdict_is_two_short_sentences_whatever_it_has_to_say() -> None:
    readings = ("den gamla hand", "den gamla hond", "den gamle hand")
    once, twice, right = ([count("den gamle hand", reading)] * 20 for reading in readings)
    pages = ["p1", "p2"] * 10
    judged = RunJudgement(judge(twice, right, pages, "test lines"), judge_forgetting(once, twice, pages))

    told = verdict(*with_language_model(0.04), judgement=judged)

    assert told == (
        "better: CER on 20 test lines 14.3 % before, 0.0 % after (14.3 to 14.3 points less, with 95 % certainty on "
        "these 2 pages). With the language model of its training texts 6.0 %; "
        "on 20 lines of the old hand it forgot some: 7.1 % before, 14.3 % after, errors doubled"
    )


def test_a_model_that_is_worse_is_not_to_be_kept() -> None:
    right, wrong = ([count("den gamle hand", reading)] * 20 for reading in ("den gamle hand", "den gamla hond"))
    worse = RunJudgement(judge(right, wrong, ["p"] * 20, "test lines"))
    told = verdict(*TRAINED, *scores(0.0, 0.143), judgement=worse)
    assert told is not None
    assert told.startswith("worse: CER on 20 test lines 0.0 % before, 14.3 % after ")
    assert told.endswith("on this page). Keep the base model")


def test_a_model_from_scratch_has_no_old_hand_to_forget() -> None:
    told = verdict(*TRAINED, *scores(0.99, 0.1), *scores(0.99, 0.8, "base_domain"), from_scratch=True)
    assert told == "CER on 50 test lines: 10.0 %. On 50 lines of the old hand 80.0 %"


def test_a_model_from_scratch_has_no_before() -> None:
    assert verdict(*TRAINED, *scores(0.99, 0.1), from_scratch=True) == "CER on 50 test lines: 10.0 %"


def test_a_run_without_an_end_has_no_verdict() -> None:
    assert verdict_of(Progress.of([Event(0, 0.0, "run", epoch(0, 0.3))])) is None


def test_a_run_stopped_before_its_test_lines_were_read_is_not_told_to_give_test_lines() -> None:
    told = verdict(DataSummary("val", 48, 900), DataSummary("test", 50, 900), *TRAINED)
    assert told is not None and "data.test" not in told
    assert told.endswith("the run was stopped before it read the test lines")


def improving(*cers: float, status: FinishStatus = FinishStatus.COMPLETED) -> str | None:
    best = min(range(len(cers)), key=lambda number: cers[number])
    rows = [epoch(number, cer) for number, cer in enumerate(cers)]
    payloads = [*rows, Finished(status, best, cers[best], "model/best_val")]
    return still_improving(Progress.of(Event(i, 0.0, "run", payload) for i, payload in enumerate(payloads)))


def test_a_run_whose_last_third_brought_much_was_still_improving() -> None:
    assert improving(0.3, 0.2, 0.18, 0.15, 0.14, 0.13, 0.1) == (
        "after its last epoch it was still getting better on the validation lines: 14.0 % after epoch 4, 10.0 % after 6"
    )


def test_a_run_that_was_at_its_end_or_ended_otherwise_is_not_still_improving() -> None:
    assert improving(0.3, 0.2, 0.18, 0.15, 0.1, 0.1, 0.098) is None
    assert improving(0.3, 0.2, 0.18, 0.1, 0.14, 0.13, 0.12) is None
    assert improving(0.3, 0.2, 0.1, status=FinishStatus.EARLY_STOPPED) is None
    assert improving(0.3, 0.2, 0.1, status=FinishStatus.CANCELLED) is None


def test_folds_tell_their_spread_and_that_nobody_knew_the_lines() -> None:
    folds = [Fold(number, 2, epoch, 2, None, cer, 0.5, 1.0) for number, epoch, cer in FOLD_SCORES]
    told = verdict(DataSummary("val", 50, 900), TRAINED[0], *folds, *TRAINED[1:])
    assert told == (
        "CER on 50 validation lines: 30.0 % before, 10.0 % after. Each by a model that had not learnt it (2 folds: "
        "8.0 % to 12.0 %), and the new model has learnt them all"
    )


def test_folds_that_were_no_better_than_the_base_model_do_not_vouch_for_its_score() -> None:
    folds = [Fold(number, 2, epoch, 2, None, cer, 0.5, 1.0) for number, epoch, cer in FOLD_SCORES]
    rows = [Epoch(0, 1, None, 0.05, 0.5, None, 0.0, True), Epoch(1, 1, 1.0, 0.1, 0.5, 0.001, 1.0, False)]
    told = verdict(DataSummary("val", 50, 900), rows[0], *folds, rows[1], best_epoch=0)
    assert told is not None
    assert "keep the base model (CER on 50 validation lines: 5.0 %)" in told
    assert "had not learnt" not in told


FOLD_SCORES = ((1, 1, 0.2), (1, 2, 0.08), (2, 1, 0.3), (2, 2, 0.12))
