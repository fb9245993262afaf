"""Answers worked out by hand, held against what was recorded or against numbers."""
