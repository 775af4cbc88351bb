"""Loghi's networks: their layers, their names, and how their specifications are written (VGSL)."""

import re

#: Networks of Loghi's own library that can be trained from scratch. Source: Loghi HTR 2.x, vgslify 0.14.
LIBRARY = {
    "recommended": "None,None,64,1 Cr3,3,24 Mp2,2,2,2 Bn Cr3,3,48 Bn Cr3,3,96 Mp2,2,2,2 Bn Cr3,3,96 Mp2,2,2,2 Bn Rc3"
    " Bl512 D50 Bl512 D50 Bl512 D50 Bl512 D50 Bl512 D50 Fs92",
    "modelkeras": "None,None,64,1 Cr3,3,32 Mp2,2,2,2 Cr3,3,64 Mp2,2,2,2 Rc3 Fl64 D20 Bl128 D20 Bl64 D20 Fs92",
    "model12": "None,None,64,1 Cr1,3,12 Bn Cr3,3,48 Bn Mp2,2,2,2 Cr3,3,96 Cr3,3,96 Bn Mp2,2,2,2 Rc3"
    " Bl256 Bl256 Bl256 Bl256 Bl256 Fs92",
}

#: The layers that such networks are chains of, by Keras's names; a model with any other is opened by nobody here.
LAYERS = (
    "InputLayer",
    "Conv2D",
    "Activation",
    "ReLU",
    "LeakyReLU",
    "MaxPooling2D",
    "AveragePooling2D",
    "BatchNormalization",
    "Reshape",
    "Bidirectional",
    "LSTM",
    "GRU",
    "Dropout",
    "SpatialDropout2D",
    "Dense",
)
WHICH_LAYERS = "Networks made of convolution, pooling, batch normalisation, LSTM/GRU, dropout and dense layers work."

_INPUT = re.compile(r"(None|\d+),(None|\d+),(None|\d+),[134]")
_LAYER = re.compile(r"[A-Z][A-Za-z]{0,3}[\d.,A-Za-z]*")


def vgsl_fault(vgsl: str) -> str | None:
    """What is obviously wrong with a specification or a library name; None when only building it can tell."""
    if vgsl in LIBRARY:
        return None
    first, *layers = vgsl.split()
    if not _INPUT.fullmatch(first):
        return f"it begins with {first!r}, not with an input such as None,None,64,1"
    if not layers:
        return "it has no layers"
    wrong = next((layer for layer in layers if not _LAYER.fullmatch(layer)), None)
    return f"{wrong!r} is no layer" if wrong else None
