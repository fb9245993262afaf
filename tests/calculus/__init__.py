"""Rules and how they are written."""
