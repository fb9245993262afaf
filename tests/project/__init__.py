"""The commands, the package, and the house."""
