"""The graph that can be stepped through and changed in the page: its data, and its scripts."""
