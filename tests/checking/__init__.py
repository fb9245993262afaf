"""Answers worked out by hand."""
