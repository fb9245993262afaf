"""The chain rule as data: each op's local gradients, and how they are written."""
