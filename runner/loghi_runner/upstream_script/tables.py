"""The variables of every published training script, and the options of main.py.

Source: knaw-huc/loghi, `na-pipeline-train.sh` (2023) and `scripts/htr-train-pipeline.sh` (2024 to version 2.2.33);
knaw-huc/loghi-htr, the argument parser in its history up to 2.3.0.
"""

from loghi_contract.job import Part

BASE_MODEL_VARIABLES = ("HTRBASEMODEL", "HTRLOGHIMODEL")

VARIABLES = frozenset(
    {
        *BASE_MODEL_VARIABLES,
        "USEBASEMODEL",
        "HTRNEWMODEL",
        "GPU",
        "listdir",
        "trainlist",
        "validationlist",
        "testlist",
        "datadir",
        "epochs",
        "batch_size",
        "multiply",
        "model_name",
        "learning_rate",
        "outputdir",
        "REPLACEFINALLAYER",
        "replacefinallayer",
        "charlist",
        "channels",
        "height",
    }
)

# What the scripts hold before anybody edits them; `datadir` needs no edit when the images lie under listdir.
UNTOUCHED_DATADIRS = (
    "/tmp/path_to_training_images",  # noqa: S108  (compared with, never written to)
    "/scratch/republicprint",
    "./scratch/republicprint",
)
UNTOUCHED_NAME = "myfirstmodel"
IN_IMAGE_MODELS = "/src/loghi-htr-models/"
LOGHI_PATIENCE = 20

LIST_OPTIONS = ("train_list", "validation_list", "test_list")

FREEZE_OPTIONS = {
    "freeze_conv_layers": Part.CONV,
    "freeze_recurrent_layers": Part.RECURRENT,
    "freeze_dense_layers": Part.DENSE,
}

# Source: the model library of loghi-htr 2.x.
MODEL_LIBRARY = ("recommended", "modelkeras", *(f"model{number}" for number in range(9, 17)))

# Small changes to line images while training: the config's `augmentation: light` is of this kind.
LIGHT_OPTIONS = (
    "augment",
    "elastic_transform",
    "aug_elastic_transform",
    "random_crop",
    "aug_random_crop",
    "random_width",
    "aug_random_width",
    "distort_jpeg",
    "aug_distort_jpeg",
    "do_random_shear",
    "aug_random_shear",
    "do_blur",
    "aug_blur",
    "aug_mask",
)

_NO_COUNTERPART = "the config has no setting for it"
_FROM_MODEL = "the model itself fixes this"
_SCORES_ONLY = "it changes how results are decoded, not what is learned"
_NEW_MODEL = "it shapes a new model, which base_model: {vgsl: ...} does here"

# Options that are not carried over, with what a reader should know; an empty text means that nothing is lost.
NOT_CARRIED = {
    "optimizer": _NO_COUNTERPART,
    "decay_rate": _NO_COUNTERPART,
    "decay_steps": _NO_COUNTERPART,
    "decay_per_epoch": _NO_COUNTERPART,
    "decay_per_step": _NO_COUNTERPART,
    "linear_decay": _NO_COUNTERPART,
    "warmup_ratio": _NO_COUNTERPART,
    "steps_per_epoch": "an epoch here always reads every line once",
    "aug_multiply": "Loghi 2 reads it and does nothing with it; train for more epochs instead",
    "multiply": "Loghi 2 reads it and does nothing with it; train for more epochs instead",
    "width": "Loghi reads it and does nothing with it",
    "decoding_threads": "Loghi reads it and does nothing with it",
    "aug_invert": _NO_COUNTERPART,
    "do_invert": _NO_COUNTERPART,
    "aug_binarize_otsu": _NO_COUNTERPART,
    "do_binarize_otsu": _NO_COUNTERPART,
    "aug_binarize_sauvola": _NO_COUNTERPART,
    "do_binarize_sauvola": _NO_COUNTERPART,
    "replace_recurrent_layer": "layers between the images and the alphabet are always kept",
    "thaw": "all layers learn unless training.freeze names them",
    "output_checkpoints": "two models are kept: the best one and the last one",
    "normalization_file": "only text.normalization exists: Unicode normal forms, no table of characters",
    "bidirectional": "the config has no setting for right-to-left reading",
    "safe_bidi": "the config has no setting for right-to-left reading",
    "config_file": "the settings in that JSON file were not read: copy them by hand",
    "tokenizer": _FROM_MODEL,
    "charlist": _FROM_MODEL,
    "height": _FROM_MODEL,
    "channels": _FROM_MODEL,
    "greedy": _SCORES_ONLY,
    "beam_width": _SCORES_ONLY,
    "corpus_file": _SCORES_ONLY,
    "wbs_smoothing": _SCORES_ONLY,
    "deterministic": "runs record their inputs and seed; identical results to the last digit are not promised",
    "use_rnn_dropout": _NEW_MODEL,
    "dropout_rnn": _NEW_MODEL,
    "use_dropout": _NEW_MODEL,
    "batch_normalization": _NEW_MODEL,
    "use_gru": _NEW_MODEL,
    "rnn_layers": _NEW_MODEL,
    "rnn_units": _NEW_MODEL,
    "inference_list": "reading new lines is another command",
    "visualize_augments": _NO_COUNTERPART,
    "do_train": "",
    "do_validate": "",
    "gpu": "",
    "memory_limit": "",
    "use_mask": "",
    "output_charlist": "",
    "training_verbosity_mode": "",
    "results_file": "",
    "test_images": "",
    "no_verify_image_exists": "",
}

CARRIED = frozenset(
    {
        *LIST_OPTIONS,
        *FREEZE_OPTIONS,
        *LIGHT_OPTIONS,
        "model",
        "existing_model",
        "model_name",
        "output",
        "epochs",
        "batch_size",
        "learning_rate",
        "seed",
        "early_stopping_patience",
        "replace_final_layer",
        "use_float32",
    }
)

# Options that take no value.
FLAGS = frozenset(
    {
        *FREEZE_OPTIONS,
        *LIGHT_OPTIONS,
        "replace_final_layer",
        "use_float32",
        "decay_per_epoch",
        "decay_per_step",
        "linear_decay",
        "aug_invert",
        "do_invert",
        "aug_binarize_otsu",
        "do_binarize_otsu",
        "aug_binarize_sauvola",
        "do_binarize_sauvola",
        "thaw",
        "output_checkpoints",
        "bidirectional",
        "safe_bidi",
        "greedy",
        "deterministic",
        "use_rnn_dropout",
        "use_dropout",
        "batch_normalization",
        "use_gru",
        "visualize_augments",
        "do_train",
        "do_validate",
        "use_mask",
        "test_images",
        "no_verify_image_exists",
    }
)


def full_name(written: str) -> str:
    """Return the option a shortened name stands for, as argparse accepts it; unknown names stay as they are."""
    known = sorted(CARRIED | NOT_CARRIED.keys())
    if written in known:
        return written
    longer = [name for name in known if name.startswith(written)]
    return longer[0] if len(longer) == 1 else written
