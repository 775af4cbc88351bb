"""Errors of the sample maker that its user can do something about."""


class SampleError(Exception):
    """Base of all errors raised here; `hint` says what to do."""

    code = "sample"
    exit_code = 1

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(message)
        self.hint = hint


class FontError(SampleError):
    """A font could not be had, or is not the one that the sample is made of."""

    code = "sample.font"


class OutputError(SampleError):
    """The output folder cannot be used as it is."""

    code = "sample.output"


class TextError(SampleError):
    """A sentence needs a character that its hand or font does not have."""

    code = "sample.text"
