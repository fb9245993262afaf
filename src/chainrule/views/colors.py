"""One colour per meaning, everywhere: values blue and solid, gradients orange and dashed."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Palette:
    """Hold the colours for one background; text colours reach a contrast of 4.5, lines one of 3."""

    value: str
    gradient: str
    text: str
    faint: str
    box: str
    page: str
    plus: str = "none"
    minus: str = "none"


LIGHT = Palette("#0b5cad", "#a84300", "#1b1f24", "#59636e", "#f6f8fa", "#ffffff", plus="#6a1b7c", minus="#1b7837")
DARK = Palette("#79b8ff", "#ffa657", "#e6edf3", "#9da7b1", "#1c2128", "#131416", plus="#cf96ea", minus="#63c27c")
LINES = Palette("#2a7de1", "#d9730d", "#000000", "#808080", "none", "none")
"""Colours that can be told from a white and from a dark page alike, for figures that stand on both."""
