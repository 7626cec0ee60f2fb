# SPDX-License-Identifier: MIT
"""Ways in which a value gets into a file: what each makes of one, for a search that has to find it.

``WAYS`` has them by name: the kind of value, and the content of a file with it. A kind is a key, a
password that has to be escaped everywhere, a private key, a UUID, or a document of which a part
gets out.
"""

from __future__ import annotations

import base64
import bz2
import gzip
import html
import io
import json
import lzma
import quopri
import re
import shlex
import string
import struct
import tarfile
import textwrap
import zipfile
import zlib
from collections.abc import Callable
from email.message import EmailMessage
from urllib.parse import quote, quote_plus, urlencode

Way = Callable[[bytes], bytes]

FILLER = b"# nothing to see in this line, nor in the next one\n" * 3


def text(write: Callable[[str], str]) -> Way:
    """A way that works on text."""
    return lambda value: write(value.decode()).encode()


def each(form: str) -> Way:
    """Every character written out."""
    return text(lambda value: "".join(form % ord(sign) for sign in value))


def twice(form: str, old: str, new: str) -> Way:
    """Every character written out, and that escaped again."""
    return text(lambda value: "".join(form % ord(sign) for sign in value).replace(old, new))


def cut(between: str, *, quotes: str = "") -> Way:
    """Broken in the middle."""

    def write(value: str) -> str:
        middle = len(value) // 2
        return f"{quotes}{value[:middle]}{between}{value[middle:]}{quotes}"

    return text(write)


def lines(width: int, begin: str, end: str = "\n") -> Callable[[str], str]:
    """Broken into lines that begin and end so."""
    return lambda value: "".join(f"{begin}{line}{end}" for line in textwrap.wrap(value, width))


def within(before: bytes, after: bytes = b'", "more": "and more"}') -> Way:
    """Between other things, to be encoded with them."""
    return lambda value: before + value + after


def chain(*ways: Way) -> Way:
    """One after the other."""

    def write(value: bytes) -> bytes:
        for way in ways:
            value = way(value)
        return value

    return write


def b64(value: bytes) -> bytes:
    return base64.b64encode(value)


def b64_lines(width: int, begin: str, end: str = "\n") -> Way:
    return chain(within(FILLER), b64, text(lines(width, begin, end)))


def in_json(value: bytes) -> bytes:
    return json.dumps({"text": value.decode(errors="surrogateescape")}).encode()


def hexed(between: str) -> Way:
    return lambda value: value.hex("\0").replace("\0", between).encode()


def dump(group: int, columns: str) -> Way:
    """As xxd(1) and hexdump(1) show it."""

    def write(value: bytes) -> bytes:
        data, shown = b"some bytes " + value + b" and more", []
        for at in range(0, len(data), 16):
            row = data[at : at + 16]
            signs = re.sub(r"[^ -~]", ".", row.decode("latin-1"))
            shown.append(columns.format(at=at, hex=row.hex(" ", -group), text=signs))
        return "\n".join(shown).encode()

    return write


def zipped(method: int, name: str = "a.txt") -> Way:
    def write(value: bytes) -> bytes:
        file = io.BytesIO()
        with zipfile.ZipFile(file, "w", method) as archive:
            archive.writestr("first.txt", b"nothing")
            archive.writestr(name, value)
        return file.getvalue()

    return write


def tarred(mode: str) -> Way:
    def write(value: bytes) -> bytes:
        file = io.BytesIO()
        with tarfile.open(fileobj=file, mode=mode) as archive:  # type: ignore[call-overload]
            member = tarfile.TarInfo("etc/app.conf")
            member.size = len(value)
            archive.addfile(member, io.BytesIO(value))
        return file.getvalue()

    return write


def ar(name: bytes) -> Way:
    def write(value: bytes) -> bytes:
        head = b"%-16b%-12d%-6d%-6d%-8o%-10d`\n" % (name, 0, 0, 0, 0o644, len(value))
        return b"!<arch>\n" + head + value + b"\n" * (len(value) % 2)

    return write


def cpio(value: bytes) -> bytes:
    def member(name: bytes, data: bytes) -> bytes:
        fields = (1, 0o100644, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(name) + 1, 0)
        head = b"070701" + b"".join(b"%08X" % field for field in fields) + name + b"\0"
        return head + bytes(-len(head) % 4) + data + bytes(-len(data) % 4)

    return member(b"etc/app.conf", value) + member(b"TRAILER!!!", b"")


def pdf(value: bytes) -> bytes:
    data = zlib.compress(b"BT (" + value + b") Tj ET")
    head = b"%%PDF-1.4\n1 0 obj\n<< /Length %d /Filter /FlateDecode >>\n" % len(data)
    return head + b"stream\n" + data + b"\nendstream\nendobj\n"


def png(value: bytes) -> bytes:
    def block(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    note = b"Comment\0\0" + zlib.compress(value)
    return (
        b"\x89PNG\r\n\x1a\n"
        + block(b"IHDR", bytes(13))
        + block(b"zTXt", note)
        + block(b"IEND", b"")
    )


def patch(value: bytes) -> bytes:
    """As git diff --binary writes it."""
    data = zlib.compress(bytes(range(200)) + value)
    rows = [data[at : at + 52] for at in range(0, len(data), 52)]
    digits = [base64.b85encode(row, pad=True) for row in rows]
    letters = string.ascii_uppercase + string.ascii_lowercase
    signs = [letters[len(row) - 1].encode() for row in rows]
    lines = b"".join(sign + digit + b"\n" for sign, digit in zip(signs, digits, strict=True))
    head = b"diff --git a/a b/a\nGIT binary patch\nliteral 0\nHcmV?d00001\n\nliteral %d\n"
    return head % (200 + len(value)) + lines + b"\n--\n2.47.0\n"


def mail(value: bytes) -> bytes:
    message = EmailMessage()
    message["Subject"] = "keys"
    message.set_content("see what is attached")
    message.add_attachment(FILLER + value, maintype="application", subtype="octet-stream")
    return message.as_bytes()


def powershell(value: bytes) -> bytes:
    return b"powershell -e " + b64(f"$key = '{value.decode()}'; run".encode("utf-16-le"))


def registry(value: bytes) -> bytes:
    return b'"Key"=hex(1):' + value.decode().encode("utf-16-le").hex(",").encode()


def jwt(value: bytes) -> bytes:
    claims = json.dumps({"iss": "a", "key": value.decode()}).encode()
    return b"eyJhbGciOiJub25lIn0." + base64.urlsafe_b64encode(claims).rstrip(b"=") + b"."


KEYS: dict[str, Way] = {
    "plain": within(b"key = ", b"\n"),
    "at the very end": within(b"key = ", b""),
    "dotenv": within(b"export KEY='", b"'\n"),
    "in a URL": within(b"https://user:", b"@example.org/\n"),
    "in a header": within(b"Authorization: Bearer ", b"\r\n"),
    "among letters": within(b"x" * 70, b"y" * 70),
    "in binary data": within(bytes(range(256)) * 3, bytes(300)),
    "after a NUL": within(b"a\0b\0", b"\0c"),
    "in a pickle": within(b"\x80\x04\x95\x1f\0\0\0\0\0\0\0\x8c\x1b", b"\x94."),
    "percent": each("%%%02X"),
    "percent, lower": each("%%%02x"),
    "percent twice": twice("%%%02X", "%", "%25"),
    "percent three times": twice("%%%02x", "%", "%2525"),
    "backslash x": each("\\x%02x"),
    "backslash x, upper": each("\\x%02X"),
    "backslash x twice": twice("\\x%02x", "\\", "\\\\"),
    "octal": each("\\%03o"),
    "octal twice": twice("\\%03o", "\\", "\\\\"),
    "backslash u": each("\\u%04x"),
    "backslash u, upper": each("\\u%04X"),
    "backslash u twice": twice("\\u%04x", "\\", "\\\\"),
    "backslash u in a URL": twice("\\u%04x", "\\", "%5C"),
    "backslash U": each("\\U%08x"),
    "backslash u in braces": each("\\u{%x}"),
    "references": each("&#%d;"),
    "references of three digits": each("&#%03d;"),
    "references in hex": each("&#x%x;"),
    "references in hex, upper": each("&#x%X;"),
    "references of references": twice("&#%d;", "&", "&amp;"),
    "quoted-printable": each("=%02X"),
    "some escaped": text(
        lambda value: "".join(
            f"%{ord(sign):02X}" if at in (5, 9) else sign for at, sign in enumerate(value)
        )
    ),
    "the underscores escaped": text(lambda value: value.replace("_", "\\_")),
    "the underscores as references": text(lambda value: value.replace("_", "&lowbar;")),
    "hex": hexed(""),
    "hex, upper": text(lambda value: value.encode().hex().upper()),
    "hex after 0x": within(b"0x"),
    "hex with blanks": hexed(" "),
    "hex with colons": hexed(":"),
    "hex with dashes": hexed("-"),
    "hex with commas": hexed(","),
    "an array in C": hexed(", 0x"),
    "an array without blanks": hexed(",0x"),
    "hex in lines": chain(within(FILLER), hexed(""), text(lines(60, ""))),
    "hex in comments": chain(within(FILLER), hexed(""), text(lines(64, "# "))),
    "hex in strings": chain(within(FILLER), hexed(""), text(lines(64, '    "', '"\n'))),
    "hex with colons in lines": chain(within(FILLER), hexed(":"), text(lines(54, "    "))),
    "hex of base64": chain(within(b"user:"), b64, hexed("")),
    "hex of UTF-16": chain(
        text(str), lambda value: value.decode().encode("utf-16-le").hex().encode()
    ),
    "hex for PostgreSQL": chain(hexed(""), within(b"'\\\\x", b"'::bytea")),
    "xxd": dump(2, "{at:08x}: {hex:39}  {text}"),
    "hexdump": dump(1, "{at:08x}  {hex:47}  |{text}|"),
    "od": dump(1, "{at:07o} {hex}"),
    "base64": b64,
    "base64 after one": chain(within(b"a"), b64),
    "base64 after two": chain(within(b"ab"), b64),
    "base64 of a user and it": chain(within(b"user:", b""), b64, within(b"Basic ", b"\n")),
    "base64 of JSON": chain(in_json, b64),
    "base64 for URLs": chain(within(b"\xff\xfe??>>"), base64.urlsafe_b64encode),
    "base64 in a data URL": chain(within(b"<p>"), b64, within(b"data:text/html;base64,")),
    "base64 in lines": b64_lines(76, ""),
    "base64 in lines of 64": chain(within(b"x"), b64_lines(64, "")),
    "base64 in lines with CRLF": b64_lines(76, "", "\r\n"),
    "base64 quoted": b64_lines(72, "> "),
    "base64 in comments": b64_lines(72, "# "),
    "base64 in other comments": b64_lines(72, "// "),
    "base64 in a block comment": b64_lines(72, " * "),
    "base64 indented": b64_lines(64, "      "),
    "base64 in a difference": b64_lines(64, "+"),
    "base64 in strings": b64_lines(64, '    "', '"\n'),
    "base64 in strings that are added": b64_lines(64, '    "', '" +\n'),
    "base64 in an array": b64_lines(64, '    "', '",\n'),
    "base64 in lines in JSON": chain(b64_lines(76, ""), in_json),
    "base64 with its slashes escaped": chain(
        within(b"???>>>"), b64, text(lambda value: value.replace("/", "\\/"))
    ),
    "base64 in a URL": chain(within(b"???>>>"), b64, text(quote_plus)),
    "base64 in HTML": chain(within(b"???>>>"), b64, text(lambda v: v.replace("+", "&#43;"))),
    "base64 twice": chain(within(b"user:"), b64, b64),
    "base64 twice, further on": chain(within(b"user: "), b64, within(b"{'a': '"), b64),
    "base64 of hex": chain(hexed(""), within(b"0x"), b64),
    "base64 of UTF-16": chain(text(str), lambda v: b64(v.decode().encode("utf-16-le"))),
    "base64 of UTF-16, big": chain(text(str), lambda v: b64(v.decode().encode("utf-16-be"))),
    "PowerShell": powershell,
    "JWT": jwt,
    "a mail's attachment": mail,
    "a binary patch": patch,
    "a secret of Kubernetes": chain(b64, within(b"kind: Secret\ndata:\n  key: ", b"\n")),
    "base32": base64.b32encode,
    "base32 after three": chain(within(b"abc"), base64.b32encode),
    "UTF-16": lambda value: value.decode().encode("utf-16"),
    "UTF-16, big": lambda value: value.decode().encode("utf-16-be"),
    "UTF-16 at an odd place": lambda value: b"x" + value.decode().encode("utf-16-le"),
    "UTF-16 with a break": lambda value: cut("\r\n")(value).decode().encode("utf-16"),
    "UTF-16 of base64": lambda value: b64(value).decode().encode("utf-16"),
    "UTF-16 of hex": lambda value: value.hex().encode().decode().encode("utf-16"),
    "UTF-32": lambda value: value.decode().encode("utf-32"),
    "UTF-32, big": lambda value: value.decode().encode("utf-32-be"),
    "the registry of Windows": registry,
    "broken": cut("\n"),
    "broken with CRLF": cut("\r\n"),
    "broken and indented": cut("\n        "),
    "broken and quoted": cut("\n> "),
    "broken and quoted twice": cut("\n> > "),
    "broken in a comment": cut("\n# "),
    "broken in another comment": cut("\n// "),
    "broken in a block comment": cut("\n * "),
    "broken in SQL's comment": cut("\n-- "),
    "broken in a difference": cut("\n+"),
    "broken with numbers": cut("\n  12: "),
    "broken with a backslash": cut("\\\n"),
    "broken with a backslash, indented": cut(" \\\n\t"),
    "broken with a caret": cut("^\r\n"),
    "broken with a backtick": cut("`\r\n"),
    "broken as quoted-printable": cut("=\r\n"),
    "broken in JSON": cut("\\n"),
    "in chunks of HTTP": cut("\r\n1a\r\n"),
    "added up": cut('" + "', quotes='"'),
    "added up over lines": cut('" +\n    "', quotes='"'),
    "added up, the sign below": cut("'\n  + '", quotes="'"),
    "added up with dots": cut("' . '", quotes="'"),
    "added up with &": cut('" & "', quotes='"'),
    "added up with & over lines": cut('" & _\r\n  "', quotes='"'),
    "added up in SQL": cut("' || '", quotes="'"),
    "strings side by side": cut('" "', quotes='"'),
    "strings side by side, no blank": cut("''", quotes="'"),
    "strings below one another": cut('"\n    "', quotes='"'),
    "strings of two kinds": cut("'\""),
    "strings with a backslash": cut('" \\\n  "', quotes='"'),
    "strings in JSON that are added": chain(cut('" + "', quotes='"'), in_json),
    "in an array": cut('", "', quotes='"'),
    "with colours": cut("\x1b[1;31m"),
    "with colours that end": cut("\x1b[0m\x1b[K"),
    "with a tag": cut("<wbr>"),
    "with tags": cut("</span><span class='x'>"),
    "with a soft hyphen": cut("\u00ad"),
    "with a soft hyphen's name": cut("&shy;"),
    "with a blank of no width": cut("\u200b"),
    "gzip": gzip.compress,
    "gzip of two members": lambda value: gzip.compress(b"a" * 999) + gzip.compress(value),
    "bzip2": bz2.compress,
    "xz": lzma.compress,
    "lzma": lambda value: lzma.compress(value, lzma.FORMAT_ALONE),
    "zlib": zlib.compress,
    "zip": zipped(zipfile.ZIP_DEFLATED),
    "zip, stored": zipped(zipfile.ZIP_STORED),
    "zip by bzip2": zipped(zipfile.ZIP_BZIP2),
    "zip by lzma": zipped(zipfile.ZIP_LZMA),
    "a document": zipped(zipfile.ZIP_DEFLATED, "word/document.xml"),
    "a wheel": zipped(zipfile.ZIP_DEFLATED, "package/settings.py"),
    "zip in zip": chain(zipped(zipfile.ZIP_DEFLATED), zipped(zipfile.ZIP_DEFLATED, "in.zip")),
    "an application": chain(zipped(zipfile.ZIP_DEFLATED), within(b"#!/usr/bin/python3\n", b"")),
    "tar": tarred("w"),
    "tar.gz": tarred("w:gz"),
    "tar.bz2": tarred("w:bz2"),
    "tar.xz": tarred("w:xz"),
    "tar.gz in zip": chain(tarred("w:gz"), zipped(zipfile.ZIP_DEFLATED)),
    "gzip in tar.xz": chain(gzip.compress, tarred("w:xz")),
    "gzip in gzip in gzip": chain(gzip.compress, gzip.compress, gzip.compress),
    "ar": ar(b"a.o/"),
    "a package of Debian": chain(tarred("w:xz"), ar(b"data.tar.xz")),
    "cpio": cpio,
    "a ramdisk": chain(cpio, gzip.compress),
    "PDF": pdf,
    "PNG": png,
    "base64 of gzip": chain(gzip.compress, b64),
    "base64 of zip in JSON": chain(zipped(zipfile.ZIP_DEFLATED), b64, in_json),
    "base64 of gzip in lines": chain(within(FILLER), gzip.compress, base64.encodebytes),
    "base64 in gzip": chain(b64, gzip.compress),
    "UTF-16 in zip": chain(lambda v: v.decode().encode("utf-16"), zipped(zipfile.ZIP_DEFLATED)),
    "a Helm release": chain(within(b"key: "), gzip.compress, b64, b64),
    "7z": within(b"7z\xbc\xaf\x27\x1c\0\4", b""),
    "RAR": within(b"Rar!\x1a\x07\1\0", b""),
    "LZ4": within(b"\x04\x22\x4d\x18", b""),
    "an archive of pg_dump": chain(zlib.compress, within(b"PGDMP\1\x0e\0", b"")),
    "Parquet": chain(zlib.compress, within(b"PAR1\x15\4", b"PAR1")),
}

PASSWORDS: dict[str, Way] = {
    "as it is": within(b"password: ", b"\n"),
    "JSON": in_json,
    "JSON in UTF-8": text(lambda value: json.dumps(value, ensure_ascii=False)),
    "JSON of PHP": text(lambda value: json.dumps(value).replace("/", "\\/")),
    "JSON of Go": text(
        lambda value: re.sub("[<>&]", lambda m: f"\\u{ord(m[0]):04x}", json.dumps(value))
    ),
    "JSON in JSON": chain(in_json, in_json),
    "JSON in JSON in JSON": chain(in_json, in_json, in_json),
    "JSON in a URL": chain(in_json, text(quote)),
    "JSON in HTML": chain(in_json, text(html.escape)),
    "JSON in a shell": chain(in_json, text(shlex.quote)),
    "JSON in repr": chain(in_json, text(repr)),
    "JSON in CSV": chain(in_json, text(lambda value: value.replace('"', '""'))),
    "JSON in base64": chain(in_json, b64),
    "a URL": text(lambda value: quote(value, "")),
    "a URL's path": text(quote),
    "a form": text(lambda value: urlencode({"p": value})),
    "a URL, lower": text(lambda v: re.sub("%..", lambda m: m[0].lower(), quote(v, ""))),
    "a URL in a URL": text(lambda value: quote(quote(value, ""), "")),
    "a URL three times": text(lambda value: quote(quote(quote(value, ""), ""), "")),
    "a URL in JSON": chain(text(quote), in_json),
    "a URL in HTML": chain(text(lambda value: quote(value, "&'")), text(html.escape)),
    "HTML": text(html.escape),
    "HTML twice": text(lambda value: html.escape(html.escape(value))),
    "HTML, three times": text(lambda value: html.escape(html.escape(html.escape(value)))),
    "HTML without quotes": text(lambda value: html.escape(value, quote=False)),
    "HTML in JSON": chain(text(html.escape), in_json),
    "XML in ASCII": lambda v: html.escape(v.decode()).encode("ascii", "xmlcharrefreplace"),
    "every character a reference": each("&#%d;"),
    "every character a name in JSON": each("\\u%04x"),
    "repr": text(repr),
    "ascii": text(ascii),
    "repr of bytes": lambda value: repr(value).encode(),
    "repr in repr": text(lambda value: repr(repr(value))),
    "a shell": text(shlex.quote),
    "a shell in a shell": text(lambda value: shlex.quote(shlex.quote(value))),
    "a shell, double quotes": text(lambda value: re.sub(r'([\\"$`])', r"\\\1", value)),
    "a shell, backslashes": text(lambda value: re.sub(r"([^A-Za-z0-9éä\t])", r"\\\1", value)),
    "a shell in JSON": chain(text(shlex.quote), in_json),
    "a shell in YAML": chain(text(shlex.quote), text(lambda value: value.replace("'", "''"))),
    "quotes doubled": text(lambda value: value.replace("'", "''")),
    "other quotes doubled": text(lambda value: value.replace('"', '""')),
    "dollars doubled": text(lambda value: value.replace("$", "$$")),
    "quoted-printable": lambda value: quopri.encodestring(value),
    "Rust": text(lambda v: v.replace("\\", "\\\\").replace('"', '\\"').replace("é", "\\u{e9}")),
    "base64": chain(within(b"user:"), b64),
    "base64 in lines": b64_lines(76, ""),
    "hex": hexed(""),
    "UTF-16": lambda value: value.decode().encode("utf-16"),
    "UTF-16 of JSON": lambda value: in_json(value).decode().encode("utf-16"),
    "broken": cut("\n> "),
    "zip of JSON": chain(in_json, zipped(zipfile.ZIP_DEFLATED)),
}

PRIVATE_KEYS: dict[str, Way] = {
    "as it is": bytes,
    "CRLF": lambda value: value.replace(b"\n", b"\r\n"),
    "indented": lambda value: b"key: |\n" + re.sub(rb"(?m)^", b"    ", value),
    "quoted": lambda value: re.sub(rb"(?m)^", b"> ", value),
    "in comments": lambda value: re.sub(rb"(?m)^", b"# ", value),
    "in JSON": in_json,
    "in JSON in JSON": chain(in_json, in_json),
    "on one line": lambda value: value.replace(b"\n", b""),
    "with blanks": lambda value: value.replace(b"\n", b" "),
    "in strings": lambda value: re.sub(rb"(?m)^(.+)$", rb'"\1\\n"', value),
    "in strings that are added": lambda value: re.sub(rb"(?m)^(.+)$", rb'    "\1\\n" +', value),
    "in a URL": text(lambda value: quote(value, "")),
    "in base64": b64,
    "in base64 in lines": base64.encodebytes,
    "in gzip": gzip.compress,
    "in UTF-16": lambda value: value.decode().encode("utf-16"),
}

UUIDS: dict[str, Way] = {
    "as it is": bytes,
    "upper": bytes.upper,
    "without dashes": lambda value: value.replace(b"-", b""),
    "without dashes, upper": lambda value: value.replace(b"-", b"").upper(),
    "in braces": within(b"{", b"}"),
    "in base64": b64,
}

DOCUMENTS: dict[str, tuple[Callable[[str], str], Way]] = {
    "a client's secret": (
        lambda key: json.dumps({"web": {"id": "1", "client_secret": key}}),
        bytes,
    ),
    "a client's secret in base64": (lambda key: json.dumps({"client_secret": key}), b64),
    "the password of a URL": (lambda key: f"postgres://app:{key}@db.internal/app", bytes),
    "the password of a URL in JSON": (lambda key: f"amqp://app:{key}@queue/", in_json),
    "a variable": (lambda key: f"DEBUG=true\nSECRET_KEY='{key}'\n", within(b"-e SECRET_KEY=")),
    "a token": (lambda key: f"Bearer {key}", within(b"token=")),
    "a password after a name": (lambda key: f"alice:{key}", within(b"-p ")),
    "a line": (lambda key: f"first-code-0123456789\n{key}\nlast-code-0123456789\n", bytes),
}

WAYS: dict[str, tuple[str, Way]] = {
    **{f"key: {name}": ("key", way) for name, way in KEYS.items()},
    **{f"password: {name}": ("password", way) for name, way in PASSWORDS.items()},
    **{f"private key: {name}": ("private key", way) for name, way in PRIVATE_KEYS.items()},
    **{f"UUID: {name}": ("UUID", way) for name, way in UUIDS.items()},
    **{f"part: {name}": (name, way) for name, (_, way) in DOCUMENTS.items()},
}
