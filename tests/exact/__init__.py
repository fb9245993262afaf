"""The recorder on real PyTorch code: what it writes down is what PyTorch did, and PyTorch does the same with it."""
