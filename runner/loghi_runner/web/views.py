"""What the API tells of an order and its run: no path, handle or token of this machine."""

from typing import Annotated, Any, Literal, TypeAlias  # findings and events have no narrower type

from pydantic import BaseModel, ConfigDict, Field, SecretStr

from loghi_contract.records import to_json
from loghi_runner.errors import RunnerError
from loghi_runner.files import is_file
from loghi_runner.orders import actions
from loghi_runner.orders.orders import ArchiveFile, CardWait, Fault, PushState, Stage
from loghi_runner.runs.folder import RunFolder, skipped_counts
from loghi_runner.runs.progress import Progress, read_events


class _NewOrder(BaseModel):
    model_config = ConfigDict(extra="forbid")

    key: str | None = Field(
        default=None,
        min_length=1,
        max_length=200,
        pattern=r"^[!-~]+$",
        description="The caller's own name for this order. Sent again with the same content it is the same order.",
    )
    platform_token: SecretStr | None = Field(
        default=None,
        min_length=8,
        max_length=512,
        description="A user's token of the platform, where the service's own account is not used. "
        "Kept encrypted until the order is over.",
    )


class NewCheck(_NewOrder):
    action: Literal["check"]
    parameters: actions.CheckParameters


class NewFinetune(_NewOrder):
    action: Literal["finetune"]
    parameters: actions.FinetuneParameters


class NewRecognition(_NewOrder):
    action: Literal["recognize"]
    parameters: actions.RecognizeParameters


class NewEvaluation(_NewOrder):
    action: Literal["evaluate"]
    parameters: actions.EvaluateParameters


NewOrder: TypeAlias = Annotated[NewCheck | NewFinetune | NewRecognition | NewEvaluation, Field(discriminator="action")]


class StepView(BaseModel):
    epoch: int
    step: int
    steps: int


class RunView(BaseModel):
    """The run that an order has become.

    `epochs`, `evaluations` and `warnings` are events as docs/events.md has them.
    """

    id: str = Field(description="The run's own id, which its folder has, not the order's.")
    state: str
    phase: str | None
    epochs_planned: int | None
    step: StepView | None
    remaining_s: float | None = Field(description="Seconds of training that are left at most; null where unknown.")
    fold: dict[str, Any] | None = Field(description="The newest event `fold`, while folds are trained.")
    epochs: list[dict[str, Any]]
    evaluations: list[dict[str, Any]]
    warnings: list[dict[str, Any]]
    best_epoch: int | None
    best_val_cer: float | None
    verdict: str | None
    skipped: dict[str, int]
    has_report: bool


class OrderSummary(BaseModel):
    """An order without its run."""

    id: str = Field(description="The order's id; every address of the order has it.")
    key: str
    user: str
    action: actions.Action
    name: str
    stage: Stage
    position: int | None = Field(description="Place in the queue, from 1; null once it was taken out of it.")
    waiting: CardWait | None = Field(description="How it waits for a graphics card; null while it does not.")
    created: str
    since: str | None = Field(description="When the stage began.")
    message: str | None
    error: Fault | None
    pushed: PushState | None = Field(description="`parked`: the results can be pushed later; null: nothing to push.")
    layer: str | None = Field(description="Name of the layer that was written on the platform.")
    layer_url: str | None
    model: ArchiveFile | None = Field(description="The archive of the model, once there is one.")
    texts: ArchiveFile | None = Field(description="The archive of the pages that were read, once there is one.")
    is_cancelling: bool


class OrderView(OrderSummary):
    """An order with what was asked and how its run stands."""

    parameters: dict[str, Any]
    answer: dict[str, Any] | None = Field(description="What a check, a recognition or an evaluation answered.")
    run: RunView | None


class OrderPage(BaseModel):
    orders: list[OrderSummary]
    next: str | None = Field(description="Send it as `before` for the orders that come after these; null: no more.")


def run_view(run: RunFolder) -> RunView | None:
    """The run as its folder tells; nothing is asked of an engine, and nothing is concluded: that is the worker's."""
    try:
        record = run.read()
    except RunnerError:
        return None
    progress = Progress.of(read_events(run.events_file), record.epochs)
    step = progress.step
    return RunView(
        id=record.run_id,
        state=record.state.value,
        phase=progress.phase,
        epochs_planned=progress.planned_epochs,
        step=StepView(epoch=step.epoch, step=step.step, steps=step.steps) if step else None,
        remaining_s=progress.remaining_s,
        fold=to_json(progress.folds[-1]) if progress.phase == "folds" and progress.folds else None,
        epochs=to_json(progress.epochs),
        evaluations=to_json(progress.evaluations),
        warnings=to_json(progress.notices),
        best_epoch=record.best_epoch,
        best_val_cer=record.best_val_cer,
        verdict=record.verdict,
        skipped=skipped_counts(run),
        has_report=is_file(run.report_file),
    )
