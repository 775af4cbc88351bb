"""A job from beginning to end: what it learns from and how, then its training."""

import os
from collections.abc import Callable
from dataclasses import replace

from loghi_contract import events
from loghi_contract.checkpoint import has_checkpoint
from loghi_contract.job import JobSpec
from loghi_contract.places import BASE_MODEL_DIR, BEST_VAL, Places
from loghi_trainer import device
from loghi_trainer.announce import announce
from loghi_trainer.base_model import open_base_model
from loghi_trainer.data import read_data
from loghi_trainer.dataset import ImageStore
from loghi_trainer.equip import Equipment
from loghi_trainer.new_model import build_base_model
from loghi_trainer.recognize import Cancelled
from loghi_trainer.reporter import Reporter
from loghi_trainer.resume import open_last
from loghi_trainer.training_run import TrainingRun
from loghi_trainer.trials import choose_way


def train(job: JobSpec, places: Places, reporter: Reporter, is_cancelled: Callable[[], bool]) -> events.Finished:
    """Run the job; events tell the progress, and the one returned is the last, for the caller to emit.

    Raises:
        TrainerError: what went wrong; the best model so far is kept.
    """
    if job.resume and job.trials is not None and not has_checkpoint(places.out):
        # it was interrupted while it tried: what was tried is written down
        reporter.emit(events.Resumed(0, 0))
        job = replace(job, resume=False)
    checkpoint = open_last(places.out, reporter) if job.resume else None
    used_device = device.claim_device(job.device)
    shares = device.share_out(used_device)
    started = events.Started(device.versions(), used_device, os.getpid(), device.machine(shares))
    reporter.emit(started)
    if job.trials is not None:
        try:
            job = choose_way(job, job.trials, places, reporter, is_cancelled, used_device, shares)
        except Cancelled:
            return events.Finished(events.FinishStatus.CANCELLED, 0, None, str(BEST_VAL), device.peak_memory_mb())
    device.make_reproducible(job.training.seed)

    reporter.emit(events.Phase("loading_model"))
    base = build_base_model(job.vgsl) if job.vgsl is not None else open_base_model(places.real(BASE_MODEL_DIR))
    reporter.emit(events.Phase("reading_data"))
    store = ImageStore(places, base.height_px, base.channels, straightened=job.straighten)
    data = read_data(job, places, store, base)
    announce(job, base, data, reporter)

    beside = data.old_hand.lines if data.old_hand is not None else ()
    equipment = Equipment.on(base, data.charset, job, store, shares, is_cancelled, used_device, beside)
    return TrainingRun(job, places, reporter, equipment, data, started, checkpoint).finish()
