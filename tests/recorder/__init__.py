"""PyTorch stays as it was, and what it did is written down right."""
