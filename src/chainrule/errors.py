"""The errors that chainrule raises itself; PyTorch's own keep their type and text."""


class ChainruleError(Exception):
    """Say what chainrule saw, why that stops it, and the smallest fix."""


class TraceError(ChainruleError):
    """Raised when a recording is asked for something that it does not hold."""


class FileError(ChainruleError):
    """Raised when a file cannot be read as a recording, or written as one."""


class AnswerError(ChainruleError):
    """Raised when an answer or a function to be checked cannot be compared with a gradient."""
