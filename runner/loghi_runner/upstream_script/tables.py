"""The variables of every published training script, and the options of main.py.

Source: knaw-huc/loghi, `na-pipeline-train.sh` (2023) and `scripts/htr-train-pipeline.sh` (2024 to version 2.2.33);
knaw-huc/loghi-htr, the argument parser in its history up to 2.3.0.
"""

import re

from loghi_contract.job import Part


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


BASE_MODEL_VARIABLES = ("HTRBASEMODEL", "HTRLOGHIMODEL")
VARIABLES = frozenset(BASE_MODEL_VARIABLES) | _names(
    "USEBASEMODEL HTRNEWMODEL GPU listdir trainlist validationlist testlist datadir epochs batch_size multiply "
    "model_name learning_rate outputdir REPLACEFINALLAYER replacefinallayer charlist channels height"
)

# What the scripts hold before anybody edits them; `datadir` needs no edit when the images lie under listdir.
UNTOUCHED_DATADIRS = re.compile(r"((/tmp/path_to_training_images|\.?/scratch/republicprint)/*)?")
UNTOUCHED_NAME = "myfirstmodel"
IN_IMAGE_MODELS = "/src/loghi-htr-models/"
LOGHI_PATIENCE = 20

LIST_OPTIONS = ("train_list", "validation_list", "test_list")
FREEZE_OPTIONS = {f"freeze_{part.value}_layers": part for part in Part}
MODEL_LIBRARY = ("recommended", "modelkeras", *(f"model{number}" for number in range(9, 17)))  # of loghi-htr 2.x

# Small changes to line images while training: the config's `augmentation: light` is of this kind.
LIGHT_OPTIONS = _names(
    "augment elastic_transform aug_elastic_transform random_crop aug_random_crop random_width aug_random_width "
    "distort_jpeg aug_distort_jpeg do_random_shear aug_random_shear do_blur aug_blur aug_mask"
)

# Why options are not carried over, as a reader should know it; an empty text means that nothing is lost. Behind an
# option that takes no value stands a `!`.
_REASONS = {
    "the config has no setting for it": "optimizer decay_rate decay_steps decay_per_epoch! decay_per_step! "
    "linear_decay! warmup_ratio aug_invert! do_invert! aug_binarize_otsu! do_binarize_otsu! aug_binarize_sauvola! "
    "do_binarize_sauvola! visualize_augments!",
    "an epoch here always reads every line once": "steps_per_epoch",
    "Loghi 2 reads it and does nothing with it; train for more epochs instead": "aug_multiply multiply",
    "Loghi reads it and does nothing with it": "width decoding_threads",
    "layers between the images and the alphabet are always kept": "replace_recurrent_layer",
    "all layers learn unless training.freeze names them": "thaw!",
    "the best model is kept, and a checkpoint to go on from": "output_checkpoints!",
    "only text.normalization exists: Unicode normal forms, no table of characters": "normalization_file",
    "the config has no setting for right-to-left reading": "bidirectional! safe_bidi!",
    "the settings in that JSON file were not read: copy them by hand": "config_file",
    "the model itself fixes this": "tokenizer charlist height channels",
    "it changes how results are decoded, not what is learned": "greedy! beam_width corpus_file wbs_smoothing",
    "on one type of processor and number of cores every run comes out the same anyway": "deterministic!",
    "it shapes a new model, which base_model: {vgsl: ...} does here": "use_rnn_dropout! dropout_rnn use_dropout! "
    "batch_normalization! use_gru! rnn_layers rnn_units",
    "reading new lines is another command": "inference_list",
    "": "do_train! do_validate! gpu memory_limit use_mask! output_charlist training_verbosity_mode results_file "
    "test_images! no_verify_image_exists! model existing_model model_name output epochs batch_size learning_rate seed "
    "early_stopping_patience replace_final_layer! use_float32!",
}
_MARKED = {name: reason for reason, names in _REASONS.items() for name in names.split()}
LOST = dict.fromkeys((*LIST_OPTIONS, *LIGHT_OPTIONS, *FREEZE_OPTIONS), "")
LOST |= {name.removesuffix("!"): reason for name, reason in _MARKED.items()}
FLAGS = {*LIGHT_OPTIONS, *FREEZE_OPTIONS, *(name[:-1] for name in _MARKED if name.endswith("!"))}


def full_name(written: str) -> str:
    """Return the option a shortened name stands for, as argparse accepts it; unknown names stay as they are."""
    longer = [name for name in LOST if name.startswith(written)]
    return longer[0] if len(longer) == 1 else written
