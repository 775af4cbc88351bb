"""A made learning curve, as a command would have measured it."""

from dataclasses import replace

from loghi_runner.evaluation.intervals import Interval
from loghi_runner.learning_curve.curve import Curve, Point
from loghi_runner.learning_curve.power_law import PowerLaw


def curve(cers: tuple[float, ...], law: PowerLaw, **changes: object) -> Curve:
    points = tuple(
        Point(
            percent=25 * 2**number,
            units=3 * 2**number,
            lines=100 * 2**number,
            cer=cer,
            interval=Interval(cer - 0.02, cer + 0.02, "lines"),
            best_epoch=2,
            run_id=f"run{number}",
            run_dir="",
            again=False,
        )
        for number, cer in enumerate(cers)
    )
    return replace(Curve("bonnevie", "pages", "test lines", 123, 3, False, 0.348, points, law), **changes)


FALLING = PowerLaw(
    a=1.0,
    b=0.22,
    b_interval=Interval(0.15, 0.3, "lines"),
    next_cer=0.181,
    next_interval=Interval(0.169, 0.195, "lines"),
    gain_interval=Interval(0.021, 0.039, "lines"),
    off=0.01,
)
