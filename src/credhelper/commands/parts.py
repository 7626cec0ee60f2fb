# SPDX-License-Identifier: MIT
"""The secrets within a value that is a document, a URL, a header: what scripts take out of it.

Found without the parsers of those formats, which cost too much on the runner's way, and all alike:
whatever is quoted and no key, and whatever follows the first ``=`` or ``:`` of a line.
"""

from __future__ import annotations

from binascii import Error, a2b_base64

from credhelper.commands.ordinary import SHORTEST, setting

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Final

    Named = tuple[str, str]  # what it is called there, and the part

_MOST: Final = 1000  # parts of one value
_LONGEST: Final = 1 << 18  # bytes of a value that is looked into
_LINE: Final = 16  # characters; a shorter line by itself is no key
_SCHEMES: Final = frozenset("bearer basic token apikey key digest negotiate".split())
_ESCAPES: Final = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}


def parts(value: bytes) -> tuple[bytes, ...]:
    """What of ``value`` may be a secret by itself: parts of 8 bytes and more that are no settings.

    The strings of JSON, TOML, INI and ``.env`` documents, the user-info and query of a URL, the
    password of ``user:password``, the token of ``Bearer TOKEN``, the lines of a PEM file.
    """
    return tuple(named(value))


def named(value: bytes) -> dict[bytes, str]:
    """The parts of ``value``, each with what it is called there: ``client_secret``, ``a line``."""
    found: dict[bytes, str] = {}
    if len(value) > _LONGEST:
        return found
    try:
        text = value.decode().strip()
    except UnicodeDecodeError:
        return found
    for name, part in (*_within(text), *_lines(text)):
        encoded = part.strip().encode()
        if len(encoded) >= SHORTEST and not setting(encoded) and part.strip() != text:
            found.setdefault(encoded, name)
        if len(found) >= _MOST:
            break
    return found


def _within(text: str, depth: int = 3) -> Iterator[Named]:
    """The parts, and the parts of those."""
    for name, part in _first(text):
        yield name, part
        if depth and part != text:
            yield from _within(part, depth - 1)
            yield from _lines(part)


def _first(text: str) -> Iterator[Named]:
    word, _, rest = text.partition(" ")
    if "\n" not in text and word.lower() in _SCHEMES and rest:
        yield "token", rest.strip()
        if word.lower() == "basic":
            yield from _decoded(rest)
    elif text[:1] in ("{", "["):
        yield from _quoted(text)
        if text[:1] == "[":
            yield from _assigned(text)
    elif "://" in text.partition("\n")[0] and " " not in text:
        yield from _of_url(text)
    else:
        yield from _assigned(text)


def _quoted(text: str, name: str = "") -> Iterator[Named]:
    """What is between double quotes, or between single ones outside of those, except for keys."""
    at = 0
    while at < len(text):
        mark = text[at]
        if mark not in "\"'":
            at += 1
            continue
        end = _closing(text, at + 1, mark)
        if end < 0:
            return
        inside = text[at + 1 : end]
        if text[end + 1 : end + 65].lstrip(" \t\r\n")[:1] in (":", "="):
            name = inside
        else:
            yield name, inside if mark == "'" else _unescaped(inside)
        at = end + 1


def _closing(text: str, at: int, mark: str) -> int:
    """Where the string that began before ``at`` ends; -1 for nowhere."""
    while (end := text.find(mark, at)) >= 0:
        before = text[at:end]
        if mark == "'" or (len(before) - len(before.rstrip("\\"))) % 2 == 0:
            return end
        at = end + 1
    return -1


def _unescaped(text: str) -> str:
    first, *rest = text.replace("\\\\", "\\\0").split("\\")
    result = [first]
    for part in rest:
        kind = part[:1]
        if kind == "\0":
            result.append("\\" + part[1:])
        elif kind == "u" and set(part[1:5]) <= set("0123456789abcdefABCDEF") and len(part) > 4:
            result.append(chr(int(part[1:5], 16)) + part[5:])
        else:
            result.append(_ESCAPES.get(kind, kind) + part[1:])
    # the halves of characters beyond the first 65,536
    return "".join(result).encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _assigned(text: str) -> Iterator[Named]:
    """What lines such as ``export KEY="value"``, ``key = value`` and ``user:password`` assign."""
    lines = text.splitlines()
    for line in lines:
        places = [place for place in (line.find("="), line.find(":")) if place > 0]
        key = line[: min(places)].strip().removeprefix("export ") if places else ""
        if not key or (len(lines) > 1 and not _is_key(key)):
            continue
        value = line[min(places) + 1 :].strip()
        name = key.strip("\"' ")
        name = name if len(lines) > 1 or "=" in line[: min(places) + 1] else "password"
        if value[:1] in ("'", '"', "{", "["):
            yield from _quoted(value, name)
        elif value:
            yield name, value
            for comment in (" #", " ;"):
                if comment in value:
                    yield name, value.partition(comment)[0].strip()


def _is_key(text: str) -> bool:
    return all(sign.isalnum() or sign in "_-." for sign in text.strip("\"'"))


def _of_url(text: str) -> Iterator[Named]:
    """Its password and user, the values of its query, its fragment; as they are and unquoted."""
    rest = text.partition("://")[2]
    rest, _, fragment = rest.partition("#")
    rest, _, query = rest.partition("?")
    user_info, at, _ = rest.partition("/")[0].rpartition("@")
    user, _, password = user_info.partition(":")
    pairs = [pair.partition("=")[::2] for pair in query.split("&")] if query else []
    parts_ = (("password", password), ("user", user if at else ""), *pairs, ("fragment", fragment))
    for name, part in parts_:
        if part:
            yield name, part
            yield name, _unquoted(part)


def _unquoted(text: str) -> str:
    first, *rest = text.split("%")
    data = first.encode()
    for part in rest:
        try:
            data += bytes.fromhex(part[:2]) + part[2:].encode()
        except ValueError:
            data += b"%" + part.encode()
    return data.decode("utf-8", "replace")


def _decoded(text: str) -> Iterator[Named]:
    try:
        yield "user and password", a2b_base64(text).decode()
    except (Error, UnicodeDecodeError):
        pass


def _lines(text: str) -> Iterator[Named]:
    """The lines that could be a key or a part of one; no prose, and nothing short out of a PEM."""
    within = False
    lines = text.splitlines()
    for line in lines if len(lines) > 1 else ():
        word = line.strip()
        if word.startswith("-----"):
            within = word.startswith("-----BEGIN ")
        elif word and (within or (len(word) >= _LINE and not _is_prose(word))):
            yield "a line", word


def _is_prose(line: str) -> bool:
    """Whether it has words, or is code."""
    return any(sign in " \t=\"'{}[]," for sign in line.rstrip("="))
