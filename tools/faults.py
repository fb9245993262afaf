"""Says in our words what the machine would not do: write to a full disk, or to a folder that is not ours."""

import re

WORDS = {
    r"\[Errno (?:28|122)\]|disk is full|No space left": "the disk is full. Free some space",
    r"\[Errno 30\]|Read-only file system|readonly database": "this folder is read-only. Copy the project to another",
    r"\[Errno 13\]|Permission denied": "this folder belongs to somebody else. Copy the project to one of your own",
}


def in_our_words(said: str) -> str:
    """Return what is wrong with the machine and what to do, from the message of an error; empty if it is not that."""
    named = re.search(r": '([^']+)'$", said)
    where = f" ({named[1]} cannot be written)" if named else ""
    found = [words for sign, words in WORDS.items() if re.search(sign, said)]
    return f"{found[0]}{where}, and run the same command again." if found else ""
