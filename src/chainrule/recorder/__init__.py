"""PyTorch runs, and becomes a trace: the only room that knows PyTorch's internals."""
