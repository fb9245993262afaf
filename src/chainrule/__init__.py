"""Watch PyTorch run a forward and a backward pass, and see the chain rule with the numbers filled in."""

from chainrule.check import check_gradient
from chainrule.errors import AnswerError, ChainruleError, FileError, TraceError
from chainrule.recording import Recording, load, record
from chainrule.unrecorded import why

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
