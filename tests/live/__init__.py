"""The live graph: its data, its scripts, and itself in a browser."""
