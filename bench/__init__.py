"""Speed and weight, measured in a real browser."""
