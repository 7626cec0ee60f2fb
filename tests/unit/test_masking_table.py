# SPDX-License-Identifier: MIT
"""What ordinary code shows of values: each case is masked, or the manual names it."""

from __future__ import annotations

import base64
import html
import json
import pprint
import re
import shlex
import subprocess
import sys
import urllib.parse
import xml.sax.saxutils
from collections.abc import Callable
from pathlib import Path

import pytest

from credhelper.commands.run import masking
from tests.unit.test_masking import mask

SOURCE = Path(masking.__file__).parents[4]
MANUAL = Path(__file__).parents[2] / "man/credhelper-decrypt-run.8"
LINES = [
    "MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7",
    "VJTUt9Us8cKjMzEfYYjiWA4R4M2b",
    "c2hvcnQ=",
]
VALUES = {
    "key": "sk-proj-Ab3dEf-12345678-gHiJkLmNoP_QrStUvWxYz0-987654321-aBcDeFgHiJkLmNoPqRsTuVwXyZ-42",
    "quote": 'it\'s&a<"quoted"\\pass=word/42',
    "phrase": "correct horse battery staple over and over again until it is full",
    "account": '{"user": "svc", "password": "hunter2-Correct-Horse", '
    '"token": "tok_1234567890abcdef"}',
    "dsn": "postgres://svc:pa55word-Of-Db@db.example/app",
    "pem": "\n".join(["-----BEGIN KEY-----", *LINES, "-----END KEY-----", ""]),
    "umlaut": "pässwörd-Ünïcode-Schlüssel",
    "debug": "true",
}
PARTS = [
    *(VALUES[name] for name in ("key", "quote", "phrase", "umlaut")),
    *("hunter2-Correct-Horse", "tok_1234567890abcdef", "pa55word-Of-Db", *LINES),
]
PROLOGUE = f"""
import sys
sys.path.insert(0, {str(SOURCE)!r})
from credhelper.commands.run import masking
import os, io, json, base64, logging, pprint, textwrap, traceback, urllib.parse, warnings
V = {VALUES!r}
masking.install({{name: value.encode() for name, value in V.items()}})
KEY, QUOTE, PHRASE, ACCOUNT = V["key"], V["quote"], V["phrase"], V["account"]
DSN, PEM, UMLAUT = V["dsn"], V["pem"], V["umlaut"]
from rich.console import Console
from rich.table import Table
from rich.panel import Panel
def attempt(name, code):
    print("@@", name, flush=True)
    try:
        exec(code, dict(globals()))
    except SystemExit:
        pass
    except BaseException:
        traceback.print_exc(file=sys.stdout)
    sys.stderr.flush()
    print(flush=True)
"""
COVERED = """
print(KEY)
print(KEY.encode())
print([KEY], {'a': KEY}, (KEY,), {KEY})
print({KEY: 1}, [KEY.encode()], bytearray(KEY.encode()))
for c in KEY: sys.stdout.write(c); sys.stdout.flush()
sys.stdout.writelines([KEY[:7], KEY[7:], '\\n'])
sys.stdout.buffer.write(KEY.encode())
sys.stdout.buffer.raw.write(KEY.encode())
sys.__stdout__.write(KEY)
sys.stderr.write(KEY)
print(KEY, file=sys.stderr)
print(KEY, QUOTE, PHRASE, ACCOUNT, DSN, UMLAUT, PEM, sep='\\n')
print(f'{KEY:>120}|{KEY!r:<100}|{KEY!s}')
print('%s and %r' % (KEY, QUOTE))
import string; print(string.Template('$k').substitute(k=KEY))
import dataclasses; print(dataclasses.make_dataclass('C', ['k'])(KEY))
import collections; print(collections.OrderedDict(k=KEY), collections.namedtuple('N', 'k')(QUOTE))
import types; print(types.SimpleNamespace(k=QUOTE, l=KEY))
import enum; print(list(enum.Enum('E', {'A': KEY})))
import logging; logging.basicConfig(stream=sys.stdout, force=True); logging.warning('using %s', KEY)
logging.getLogger('x').error('bad %r', {'k': QUOTE})
log = logging.getLogger('y'); log.addHandler(logging.StreamHandler(sys.stdout)); log.error(PEM)
warnings.showwarning(UserWarning(KEY), UserWarning, 'x', 1, sys.stdout)
raise ValueError(KEY)
raise ValueError(QUOTE, KEY)
{}[KEY]
{}[KEY.encode()]
int(KEY)
open(KEY)
getattr(object(), KEY)
raise RuntimeError('x') from ValueError(KEY)
e = ValueError('x'); e.add_note(KEY); raise e
raise ExceptionGroup('g', [ValueError(KEY), TypeError(QUOTE)])
import threading; t = threading.Thread(target=lambda: print(KEY)); t.start(); t.join()
import subprocess; print(subprocess.run(['echo', KEY], capture_output=True, text=True).stdout)
import subprocess; subprocess.run(['false', KEY], check=True)
import subprocess; raise subprocess.TimeoutExpired([KEY], 1)
import shlex; print(shlex.quote('me:' + QUOTE), shlex.join(['curl', '-u', QUOTE]))
import multiprocessing as m; c = m.get_context('fork').Process(target=print, args=(KEY,)); c.start(); c.join()
pprint.pprint({'key': KEY})
pprint.pprint({'key': KEY.encode()})
pprint.pprint([KEY, QUOTE, PHRASE, UMLAUT], width=40)
pprint.pprint({'p': PHRASE}, width=50)
pprint.pp({'p': PHRASE.encode()}, width=60)
print(textwrap.fill('the key in use is now ' + KEY, 70))
print(textwrap.fill('the key in use is now ' + KEY, 40, subsequent_indent='        '))
print(textwrap.fill(PHRASE, 30))
print(textwrap.indent(PEM, '    '))
print(textwrap.indent(KEY, '> '))
import argparse; p = argparse.ArgumentParser(formatter_class=argparse.ArgumentDefaultsHelpFormatter); p.add_argument('--token', default=KEY, help='the token'); p.print_help()
import argparse; p = argparse.ArgumentParser(); p.add_argument('--token', help=f'now {KEY} of the service'); p.print_help()
import argparse; sys.stderr = sys.stdout; p = argparse.ArgumentParser(); p.add_argument('n', type=int); p.parse_args([KEY])
print(json.dumps({'k': KEY, 'q': QUOTE, 'u': UMLAUT}))
print(json.dumps({'q': QUOTE, 'u': UMLAUT}, ensure_ascii=False, indent=2))
print(json.dumps(json.dumps({'q': QUOTE, 'u': UMLAUT})))
json.dump([KEY, ACCOUNT], sys.stdout)
print(json.loads(ACCOUNT)['password'])
print('login', json.loads(ACCOUNT)['token'])
print(json.dumps(json.loads(ACCOUNT), indent=2))
print(json.loads(ACCOUNT))
print(urllib.parse.urlsplit(DSN).password)
print(urllib.parse.urlsplit(DSN)._replace(scheme='postgresql').geturl())
print(urllib.parse.urlsplit(DSN))
import html; print(html.escape(QUOTE))
import xml.etree.ElementTree as E; e = E.Element('a', k=QUOTE); e.text = QUOTE; E.dump(e)
import xml.etree.ElementTree as E; e = E.Element('a'); e.text = UMLAUT; print(E.tostring(e).decode())
import xml.dom.minidom as m; print(m.parseString('<a>%s</a>' % KEY).toprettyxml())
import xml.sax.saxutils as s; print(s.quoteattr(QUOTE), s.escape(QUOTE))
import csv; csv.writer(sys.stdout).writerow(['a', QUOTE])
import csv; csv.DictWriter(sys.stdout, ['k']).writerow({'k': KEY})
import shlex; print('+ curl -u', shlex.quote(QUOTE))
print(repr(QUOTE), repr(UMLAUT), ascii(UMLAUT))
print(repr(repr(QUOTE)))
print(repr(json.dumps(QUOTE)), json.dumps(repr(QUOTE)))
print(urllib.parse.urlencode({'k': QUOTE, 'l': KEY}))
print(urllib.parse.quote(QUOTE), urllib.parse.quote_plus(PHRASE), urllib.parse.quote(UMLAUT))
print(urllib.parse.quote(urllib.parse.quote(QUOTE)))
print(KEY.encode().hex(), KEY.encode().hex().upper())
print(base64.b64encode(KEY.encode()), base64.b64encode(QUOTE.encode()).decode())
print(base64.b64encode(f'user:{KEY}'.encode()).decode())
print(base64.b64encode(f'{KEY}:'.encode()).decode())
print(base64.urlsafe_b64encode(UMLAUT.encode()).decode())
print(base64.b64encode(base64.b64encode(KEY.encode())))
print(base64.b64encode(json.dumps({'k': KEY, 'q': QUOTE}).encode()).decode())
print(base64.b32encode(KEY.encode()).decode())
print(base64.encodebytes(KEY.encode()).decode())
print(''.join('%%%02x' % b for b in KEY.encode()))
import quopri; print(quopri.encodestring(KEY.encode()).decode())
from email.message import EmailMessage; m = EmailMessage(); m.set_content('key: ' + KEY, cte='base64'); print(m)
from email.message import EmailMessage; m = EmailMessage(); m.set_content('key: ' + KEY + ' x\\xe9', cte='quoted-printable'); print(m)
import reprlib; print(reprlib.repr(KEY))
print(KEY[:30] + '...', KEY[:20] + '\\u2026', '...' + KEY[-20:])
print(KEY[:-1] + '...')
sys.stdout.buffer.write(UMLAUT.encode('latin-1'))
sys.stdout.buffer.write(KEY.encode('utf-16-le'))
t = io.TextIOWrapper(sys.stdout.buffer, 'utf-16'); t.write(KEY); t.flush(); t.detach()
import http.client; print(http.client.HTTPMessage(), [('Authorization', f'Bearer {KEY}')])
import urllib.request; print(urllib.request.Request('http://x/?k=' + KEY, headers={'A': QUOTE}).header_items(), urllib.request.Request('http://x/?k=' + KEY).full_url)
import configparser; c = configparser.RawConfigParser(); c['a'] = {'k': QUOTE, 'l': KEY}; c.write(sys.stdout)
import difflib; print('\\n'.join(difflib.ndiff([KEY], [KEY + 'x'])))
import difflib; print('\\n'.join(difflib.unified_diff([QUOTE], ['x'], lineterm='')))
import pdb; pdb.Pdb(stdin=io.StringIO('p KEY\\npp {1: KEY.encode()}\\nc\\n'), stdout=sys.stdout).set_trace()
import code; code.InteractiveConsole({'KEY': KEY}).push('KEY')
exec('def f(k):\\n  1 / 0\\ntry:\\n  f(KEY)\\nexcept Exception as e: print("".join(traceback.TracebackException.from_exception(e, capture_locals=True).format()))', globals() | {'KEY': KEY})
print(vars(type('X', (), {'k': KEY})()), type('Y', (), {'k': KEY}).__dict__)
import inspect; print(inspect.signature(eval(f'lambda k={KEY!r}: k')))
import platform; print({'env': {'API_KEY': KEY, 'DSN': DSN}})
import unittest.mock; m = unittest.mock.Mock(); m(KEY); m.assert_called_with('x')
import optparse; p = optparse.OptionParser(); p.add_option('--token', default=KEY, help='[default: %default]'); p.print_help()
import cmd; c = cmd.Cmd(stdout=sys.stdout); c.columnize([KEY, 'b'], displaywidth=200)
import ast; print(ast.dump(ast.parse(repr({'k': QUOTE}))))
import tokenize; print([t.string for t in tokenize.generate_tokens(io.StringIO(repr(KEY)).readline)])
print(PEM)
print('\\n'.join(PEM.splitlines()[1:3]))
print(PEM.splitlines()[3])
print(''.join(PEM.splitlines()))
print(repr(PEM).replace('\\\\', '\\\\\\\\'))
print(json.dumps({'pem': PEM}))
Console(width=80).print('the token is', KEY)
Console(width=200, force_terminal=True).print('the token is', KEY)
Console(width=40, force_terminal=True).print('the token is', KEY)
Console(width=300, force_terminal=True).print({'key': KEY, 'q': QUOTE})
Console(width=60, force_terminal=True).print({'key': KEY})
t = Table('k'); t.add_row(KEY); Console(width=60).print(t)
t = Table('k', 'v'); t.add_row('a', KEY); Console(width=60).print(t)
Console(width=50).print(Panel(KEY, title='key'))
Console(width=80, force_terminal=True).print_json(json.dumps({'k': KEY}))
from rich.tree import Tree; t = Tree('x'); t.add(KEY); Console(width=60).print(t)
from rich.pretty import pprint as p; p({'key': KEY, 'b': [QUOTE]}, console=Console(width=60))
from rich.syntax import Syntax; Console(width=200, force_terminal=True).print(Syntax(f'KEY = {KEY!r}', 'python'))
from rich.markdown import Markdown; Console(width=50).print(Markdown(f'use `{KEY}` now'))
""".strip().splitlines()  # noqa: E501
NOT_COVERED = {
    "os.write(1, KEY.encode())": "os.write",
    "open(1, 'w', closefd=False).write(KEY)": "opens the descriptor",
    "open('/dev/stdout', 'w').write(KEY)": "opens the descriptor",
    "os.system('echo ' + KEY)": "a child",
    "import subprocess; subprocess.run(['echo', KEY])": "a child",
    "import ctypes; c = ctypes.CDLL(None); c.puts(KEY.encode()); c.fflush(None)": "library in C",
    "print(KEY.upper(), KEY[::-1])": "reversed",
    "print(' '.join(KEY))": "spelled out",
    "print(list(KEY))": "spelled out",
    "print(KEY[:20] + '***')": "a part of it",
    "print(KEY[:40])": "a part of it",
    "print('\\n'.join(KEY[i:i+5] for i in range(0, 83, 5)))": "narrower than 20",
    "import base64; print(base64.a85encode(KEY.encode()).decode())": "base85",
    "import zlib; print(zlib.compress(KEY.encode() * 2))": "compressed",
    "import unicodedata; print(unicodedata.normalize('NFD', UMLAUT))": "another normal form",
    "print(UMLAUT.encode('punycode').decode())": "punycode",
    "sys.stdout.write(KEY[:40]); sys.stdout.flush(); sys.stderr.write(KEY[40:])": "two streams",
    "print([ord(c) for c in KEY])": "numbers",
    "t = io.TextIOWrapper(sys.stdout.buffer, 'cp037'); t.write(KEY); t.detach()": "than UTF-8",
    "import unittest; unittest.TestCase().assertEqual(KEY, 'x')": "unittest",
    "from email.message import EmailMessage; m = EmailMessage(); m['X'] = KEY; print(m)": "header",
}


def outcome(cases: list[str]) -> list[str]:
    """What each case writes, in one Python."""
    program = PROLOGUE + "".join(
        f"attempt({number}, {code!r})\n" for number, code in enumerate(cases)
    )
    environment = {"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8", "COLUMNS": "80", "HOME": "/none"}
    child = subprocess.run(
        [sys.executable, "-"],
        input=program.encode(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env=environment,
        timeout=120,
        check=True,
    )
    out = child.stdout.decode("utf-8", "replace")
    return re.split(r"@@ \d+\n", out)[1:]


def seen(out: str) -> list[str]:
    """What of the values a person sees: eight characters of one in a row, in a line or over two."""
    plain = re.sub(r"\x1b\[[0-9;:]*m", "", out)
    joined = re.sub(r"[\s\"'│┃|]|(?<=\n)b", "", plain)
    found = []
    for value in PARTS:
        squeezed = re.sub(r"[\s\"'│┃|]", "", value)
        found += [value[at : at + 8] for at in range(len(value) - 7) if value[at : at + 8] in plain]
        found += [
            squeezed[at : at + 12]
            for at in range(len(squeezed) - 11)
            if squeezed[at : at + 12] in joined
        ]
    return found


@pytest.fixture(scope="module")
def covered() -> dict[str, str]:
    return dict(zip(COVERED, outcome(COVERED), strict=True))


@pytest.mark.parametrize("case", COVERED)
def test_ordinary_code_shows_no_value(covered: dict[str, str], case: str) -> None:
    assert "[credential " in covered[case]
    assert seen(covered[case]) == []


def test_there_are_enough_cases() -> None:
    assert len(COVERED) + len(NOT_COVERED) >= 109
    assert len(SPELLINGS) * len(SPELLED) >= 208


def test_what_is_not_covered_is_seen_and_the_manual_says_so() -> None:
    manual = " ".join(re.sub(r"(?m)^\.\w+ ?", "", MANUAL.read_text()).split())
    for phrase in NOT_COVERED.values():
        assert phrase in manual, phrase
    for case, out in zip(NOT_COVERED, outcome([*NOT_COVERED]), strict=True):
        assert seen(out) or "[credential" not in out, case


SPELLED = {
    **{
        name: VALUES[name] for name in ("key", "quote", "phrase", "account", "dsn", "pem", "umlaut")
    },
    "odd": "pä ss\\'w\"o/rd=+%&?\t😀x\x7f<>",
}
SPELLINGS: dict[str, Callable[[str], str]] = {
    "as it is": str,
    "repr": repr,
    "ascii": ascii,
    "repr of bytes": lambda v: repr(v.encode()),
    "repr of a repr": lambda v: repr(repr(v)),
    "JSON": json.dumps,
    "JSON, not ASCII": lambda v: json.dumps(v, ensure_ascii=False),
    "JSON, slashes escaped": lambda v: json.dumps(v).replace("/", "\\/"),
    "JSON of Go": lambda v: re.sub("[<>&]", lambda m: f"\\u{ord(m[0]):04x}", json.dumps(v)),
    "JSON in JSON": lambda v: json.dumps(json.dumps({"k": v})),
    "URL-quoted": urllib.parse.quote,
    "URL-quoted, all": lambda v: urllib.parse.quote(v, safe=""),
    "as of a form": urllib.parse.quote_plus,
    "URL-quoted twice": lambda v: urllib.parse.quote(urllib.parse.quote(v, safe=""), safe=""),
    "HTML": html.escape,
    "XML": xml.sax.saxutils.escape,
    "XML attribute": lambda v: xml.sax.saxutils.quoteattr(v)[1:-1],
    "JSON in HTML": lambda v: html.escape(json.dumps(v)),
    "HTML in JSON": lambda v: json.dumps(html.escape(v)),
    "shell": shlex.quote,
    "shell in JSON": lambda v: json.dumps(shlex.quote(v)),
    "CSV": lambda v: '"' + v.replace('"', '""') + '"',
    "base64": lambda v: base64.b64encode(v.encode()).decode(),
    "base64, URL-safe": lambda v: base64.urlsafe_b64encode(v.encode()).decode(),
    "base64 of base64": lambda v: base64.b64encode(base64.b64encode(v.encode())).decode(),
    "base64 in lines": lambda v: base64.encodebytes(v.encode()).decode(),
    "JSON in base64": lambda v: base64.b64encode(json.dumps({"k": v}).encode()).decode(),
    "hex": lambda v: v.encode().hex(),
    "base32": lambda v: base64.b32encode(v.encode()).decode(),
    "wrapped": lambda v: "\n".join(v[at : at + 40] for at in range(0, len(v), 40)),
    "pprint": lambda v: pprint.pformat([v], width=60),
}


@pytest.mark.parametrize("spelling", SPELLINGS)
@pytest.mark.parametrize("name", SPELLED)
def test_a_spelling_of_a_value(name: str, spelling: str) -> None:
    value = SPELLED[name].strip()
    written = SPELLINGS[spelling](value)
    masked = mask(f"<{written}>".encode(), {"key": SPELLED[name].encode()}).decode()
    assert "[credential key]" in masked
    assert seen(masked) == []
    left = re.sub(r"\[credential key\]", "", masked)
    frame = SPELLINGS[spelling]("") if spelling not in ("wrapped", "base64 in lines") else ""
    room = len(frame) + 2 + 12 + left.count("\n") * 12
    assert name in ("account", "dsn", "pem") or len(left) <= max(room, 30)
