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


LIGHT = Palette(
    value="#0b5cad",
    gradient="#a84300",
    text="#1b1f24",
    faint="#59636e",
    box="#f6f8fa",
    page="#ffffff",
    plus="#6a1b7c",
    minus="#1b7837",
)
DARK = Palette(
    value="#79b8ff",
    gradient="#ffa657",
    text="#e6edf3",
    faint="#9da7b1",
    box="#1c2128",
    page="#131416",
    plus="#cf96ea",
    minus="#63c27c",
)
LINES = Palette(
    value="#2a7de1",
    gradient="#d9730d",
    text="#000000",
    faint="#808080",
    box="none",
    page="none",
)
"""Colours that can be told from a white and from a dark page alike, for figures that stand on both."""
