"""Take the text of a page apart: what is prose, what is code font, what is maths, what is a listing."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, TypeAlias

from tests.support.pages import Markup

Kind: TypeAlias = Literal["prose", "code", "math", "listing"]

_LISTINGS = {"code", "code-block", "sourcecode", "parsed-literal", "literalinclude", "doctest"}
_SILENT = {"toctree", "include", "image", "figure", "raw", "currentmodule", "minigallery"}
"""Directives whose argument is no prose: a path, a URL, a language."""
_UNREAD = {"toctree", "include", "raw", "minigallery", "do"}
"""Those whose body is none either; what a reader is to do and will see then is held by a browser."""

_DIRECTIVE = re.compile(r"(?P<indent>\s*)\.\. (?P<name>[\w:-]+)::(?P<argument>.*)")
_FENCE = re.compile(r"\s*(?P<fence>`{3,}|~{3,}|:{3,})(?:\{(?P<name>[\w:-]+)\})?(?P<argument>.*)")
_OPTION = re.compile(r"\s*:[\w-]+:(?:\s|$)")

# In each pattern, a group named code or math is what its name says; what stands in a group named title stays
# prose; the rest of the match (targets, URLs, the marks themselves) is for machines.
_INLINE: dict[Markup, re.Pattern[str]] = {
    "rst": re.compile(
        r"""
          :math:`(?P<math>[^`]+)`
        | :[\w:+-]+:`(?P<title_role>[^`<]+)<[^`>]+>`
        | :[\w:+-]+:`[^`]+`
        | ``(?P<code>.+?)``(?!`)
        | `(?P<title_link>[^`<]+)<[^`>]+>`__?
        | `(?P<title_reference>[^`]+)`__?
        | `(?P<code_single>[^`]+)`
        | https?://[^\s>)]+
        """,
        re.VERBOSE | re.DOTALL,
    ),
    "md": re.compile(
        r"""
          \{math\}`(?P<math>[^`]+)`
        | \{[\w:+-]+\}`(?P<title_role>[^`<]+)<[^`>]+>`
        | \{[\w:+-]+\}`[^`]+`
        | (?<!`)(?P<ticks>`+)(?!`)(?P<code>.+?)(?<!`)(?P=ticks)(?!`)
        | (?<!\\)\$\$(?P<math_display>.+?)\$\$
        | (?<![\\\w$])\$(?P<math_inline>[^\s$](?:[^$]*?[^\s\\$])?)\$(?![\d$])
        | (?<=\])\([^)\n]*\)
        | ^\[[^\]\n]+\]:[^\n]*
        | ^\([\w-]+\)=$
        | ^%[^\n]*
        | <!--.*?-->
        | </?[a-zA-Z][^>]*>
        | https?://[^\s>)]+
        """,
        re.VERBOSE | re.DOTALL | re.MULTILINE,
    ),
}


@dataclass(frozen=True)
class Span:
    """Hold a stretch of one kind, and the line of the file it starts on."""

    kind: Kind
    text: str
    line: int


def spans(text: str, markup: Markup, line: int = 1) -> list[Span]:
    """Take a text that starts at `line` apart; its prose comes last, in one piece, all else made blank."""
    lines = text.split("\n")
    found = list(_directives(lines, line) if markup == "rst" else _fences(lines, line))
    text = "\n".join(lines)

    def blank(match: re.Match[str]) -> str:
        names = [name for name, group in match.groupdict().items() if group is not None and name != "ticks"]
        if not names:
            return _blank(match.group())
        name, start = names[0], match.start(names[0])
        kind = name.partition("_")[0]
        if kind == "title":
            end = match.end(name)
            return _blank(text[match.start() : start]) + match.group(name) + _blank(text[end : match.end()])
        at = line + text.count("\n", 0, start)
        found.append(Span("code" if kind == "code" else "math", match.group(name), at))
        return _blank(match.group())

    prose = _INLINE[markup].sub(blank, text)
    return [*found, Span("prose", prose, line)]


def _blank(text: str) -> str:
    return re.sub(r"[^\n]", " ", text)


def _directives(lines: list[str], line: int) -> Iterator[Span]:
    """Find reST's listings and formulas, and make them blank in `lines`; what else there may be is read as prose."""
    for start in range(len(lines)):
        match = _DIRECTIVE.match(lines[start])
        if match and match["name"] in {"math", "do", *_LISTINGS}:
            end = _end_of_body(lines, start + 1, len(match["indent"]))
            body = "\n".join(lines[start + 1 : end])
            kind: Kind = "math" if match["name"] == "math" else "listing"
            if match["name"] != "do":
                yield Span(kind, f"{match['argument'] * (kind == 'math')}\n{body}", line + start)
            lines[start:end] = [""] * (end - start)


def _end_of_body(lines: list[str], start: int, indent: int) -> int:
    """Find where the lines end that are empty or stand further in than `indent`."""
    for end in range(start, len(lines)):
        if lines[end].strip() and _indent(lines[end]) <= indent:
            return end
    return len(lines)


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip())


def _fences(lines: list[str], line: int) -> Iterator[Span]:
    """Find MyST's listings and formulas, and make blank in `lines` what is no prose."""
    opened: list[str] = []
    i = 0
    while i < len(lines):
        start, i = i, i + 1
        match = _FENCE.fullmatch(lines[start])
        if match is None:
            continue
        if opened and _closes(opened[-1], lines[start]):
            opened.pop()
            lines[start] = ""
            continue
        fence, name, argument = match["fence"], match["name"], match["argument"]
        lines[start] = ""
        verbatim = fence[0] != ":" if name is None else name == "math" or name in _LISTINGS | _UNREAD
        if not verbatim:
            opened.append(fence)
            lines[start] = "" if name is None or name in _SILENT else " " * match.start("argument") + argument
            while i < len(lines) and _OPTION.match(lines[i]):
                lines[i] = ""
                i += 1
            continue
        end = next((j for j in range(i, len(lines)) if _closes(fence, lines[j])), len(lines))
        body = "\n".join(lines[i:end])
        if name == "math":
            yield Span("math", f"{argument}\n{body}", line + start)
        elif name not in _UNREAD:
            yield Span("listing", f"\n{body}", line + start)
        lines[i : end + 1] = [""] * len(lines[i : end + 1])
        i = end + 1


def _closes(fence: str, line: str) -> bool:
    return set(line.strip()) == {fence[0]} and fence in line
