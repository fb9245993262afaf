"""Lessons and chapters, and what they claim."""
