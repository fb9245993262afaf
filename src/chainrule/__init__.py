"""Watch PyTorch run a forward and a backward pass, and see the chain rule with the numbers filled in."""

from chainrule.checking.numerical import check_gradient
from chainrule.diagnosis.after_the_fact import why
from chainrule.errors import AnswerError, ChainruleError, FileError, TraceError
from chainrule.recording import Recording, load, record

__all__ = [
    "AnswerError",
    "ChainruleError",
    "FileError",
    "Recording",
    "TraceError",
    "check_gradient",
    "load",
    "record",
    "why",
]
