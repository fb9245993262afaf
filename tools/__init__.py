"""The steps behind the Makefile, one small module each; run from the root as `python -m tools.<name>`."""
