"""What is known of a run while it goes on."""

import pytest

from loghi_contract.events import (
    Epoch,
    Evaluation,
    Event,
    Failed,
    Fold,
    LanguageModel,
    Model,
    Notice,
    Payload,
    Phase,
    Resumed,
    SelfTraining,
    Step,
)
from loghi_runner.runs.progress import Progress


def epoch(number: int, cer: float = 0.2, *, is_best: bool = False, seconds: float = 60.0) -> Epoch:
    return Epoch(number, 5, None, cer, 0.5, None, seconds, is_best)


def at(*timed: tuple[float, Payload], epochs: int | None = None) -> Progress:
    return Progress.of((Event(i, t, "run", payload) for i, (t, payload) in enumerate(timed)), epochs)


def test_the_time_left_is_whole_epochs_and_the_rest_of_this_one() -> None:
    progress = at((0, epoch(0, is_best=True)), (60, epoch(1)), (90, Step(2, 5, 10, 1.0, 9.0)))
    assert progress.remaining_s == pytest.approx(3.5 * 60)


def test_the_first_epoch_is_estimated_from_its_steps_but_not_from_the_first() -> None:
    # the first step took 30 s, the others 1 s each
    progress = at((0, epoch(0)), (30, Step(1, 1, 10, 1.0, 1.0)), (34, Step(1, 5, 10, 1.0, 9.0)))
    assert progress.remaining_s == pytest.approx(4.5 * 10)


def test_nothing_is_promised_before_something_is_known() -> None:
    assert at((0, epoch(0)), epochs=5).remaining_s is None
    assert at((0, Step(1, 1, 10, 1.0, 1.0)), epochs=5).remaining_s is None


def test_no_time_is_told_while_the_last_scores_are_made() -> None:
    assert at((0, epoch(0)), (60, epoch(1)), (61, Phase("evaluating"))).remaining_s is None


def test_the_best_epoch_is_the_one_the_trainer_marked() -> None:
    progress = at((0, epoch(0, 0.3, is_best=True)), (1, epoch(1, 0.2, is_best=True)), (2, epoch(2, 0.2)))
    assert progress.best is not None and progress.best.epoch == 1


def test_a_clock_that_was_set_back_promises_nothing() -> None:
    progress = at((3600, Step(1, 1, 10, 1.0, 1.0)), (4, Step(1, 5, 10, 1.0, 9.0)), epochs=5)
    assert progress.remaining_s is None


def test_what_comes_again_after_an_interruption_is_known_once() -> None:
    warning = Notice("charset.not_trained", "the val lines have a letter that no training line has")
    progress = at(
        (0, warning),
        (1, epoch(0, is_best=True)),
        (2, Evaluation("test", Model.BASE, 5, 0.4, 0.9)),
        *((3 + number, epoch(number)) for number in (1, 2, 3)),
        (6, LanguageModel(6, (), None)),
        (7, Evaluation("test", Model.BEST, 5, 0.3, 0.8)),
        (8, Failed("x", 4, "the disk is full", None, None, None)),
        (100, Resumed(1, 4)),
        (101, warning),
        (102, epoch(2)),
    )
    assert [row.epoch for row in progress.epochs] == [0, 1, 2]
    assert [score.model for score in progress.evaluations] == [Model.BASE]
    assert (progress.failed, progress.step, progress.notices) == (None, None, [warning])
    assert progress.language_model is None


@pytest.mark.parametrize(("at_epoch", "is_known"), [(2, False), (3, True), (4, True)])
def test_what_was_read_of_unread_lines_holds_where_the_run_goes_on_after_it(at_epoch: int, is_known: bool) -> None:
    told = SelfTraining(3, 2, 3, 90, 60, 2400, 0.9, 0.2, 0.1)
    rows = [(number, epoch(number)) for number in range(5)]

    progress = at(*rows, (9, told), (10, Resumed(at_epoch, 0)))

    assert progress.self_training == (told if is_known else None)


def test_the_time_left_of_epochs_with_unread_lines_is_that_of_such_epochs() -> None:
    rows = [(60 * number, epoch(number)) for number in range(6)]
    told = SelfTraining(5, 4, 5, 90, 60, 2400, 0.9, 0.2, 0.1)

    assert at(*rows, (310, Phase("self_training")), (320, told)).remaining_s is None
    longer = Epoch(6, 9, None, 0.2, 0.5, None, 200.0, is_best=False)
    assert at(*rows, (310, Phase("self_training")), (320, told), (520, longer)).remaining_s == pytest.approx(3 * 200)


def test_the_time_left_counts_the_folds_to_come_and_the_last_training() -> None:
    fold = Fold(2, 5, 12, 60, None, 0.2, 0.5, 4.0)
    assert at((0, Phase("folds")), (1, fold)).remaining_s == (48 + 3 * 60 + 60) * 4.0


def test_a_fold_that_was_interrupted_begins_anew() -> None:
    told = [Fold(fold, 3, epoch, 2, None, 0.2, 0.5, 4.0) for fold, epoch in ((1, 1), (1, 2), (2, 1))]
    progress = at(*enumerate(told), (9, Resumed(0, 0)))
    assert [(fold.fold, fold.epoch) for fold in progress.folds] == [(1, 1), (1, 2)]
