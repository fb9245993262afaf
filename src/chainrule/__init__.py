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


def __dir__() -> list[str]:
    return [*__all__, "__version__"]


def __getattr__(name: str) -> str:
    """Look the version up only when it is asked for, which keeps the import fast."""
    if name != "__version__":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib.metadata import version

    return version(__name__)
