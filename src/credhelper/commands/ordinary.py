# SPDX-License-Identifier: MIT
"""Which values are settings rather than secrets: ``DEBUG=true``, a port, a host name.

One notion for all that asks: what ``import`` leaves out and ``add`` remarks on, what ``check``
reports, what masking leaves alone, since ``[credential debug]`` in place of every ``true`` breaks
the output, and what ``leaks`` does not look for, since it would find it everywhere.

In doubt a value is a secret. So a URL with a password, a query or a long path is one, as is a word
that is not in the list here, a number of 16 digits and whatever mixes letters and digits.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

SHORTEST: Final = 8  # bytes; what is shorter is in too much text by chance

_DIGITS: Final = 15  # of a number; longer ones are numbers of cards, tokens
_SEGMENT: Final = 24  # characters between the slashes of an ordinary path
_LOWER: Final = frozenset("abcdefghijklmnopqrstuvwxyz")
_NAME: Final = _LOWER | frozenset("0123456789-")

_BOOLEANS: Final = frozenset(
    "true false yes no on off y n t f enable disable enabled disabled".split()
)
_NOTHING: Final = frozenset("none null nil undefined nan void empty unset auto".split())
_LEVELS: Final = frozenset(
    "trace debug verbose info information informational notice warn warning error err critical "
    "crit fatal alert emerg emergency panic quiet silent notset".split()
)
_UNITS: Final = frozenset(
    "b k kb kib m mb mib g gb gib t tb tib ns us ms s sec secs second seconds min mins minute "
    "minutes h hr hour hours d day days w week weeks month months year years px pt em x".split()
)
# what is in configurations and in what programs print; no list of bad passwords
_WORDS: Final = (
    " access account action active address admin administrator agent alias allow always "
    "amazon anonymous apache application apply archive argument array asia async attempt "
    "audit australia authentication author authorization automatic available azure back "
    "backend backup base basic batch beta binary block body boolean boot bootstrap bottom "
    "bounded branch broker browser bucket budget buffer build bytes cache callback cancel "
    "category central certificate chain change channel charset check child class client "
    "close cloud cluster code collection color column command comment commit common compact "
    "complete component compose compress config configuration confirm connect connection "
    "console consumer container content context continue control cookie copy core count "
    "country create created credential credentials current custom daily dashboard data "
    "database date dead default delay delete deploy deployment description desktop "
    "destination detail details develop development device digital directory discovery disk "
    "display django docker document documents domain done down download driver dump "
    "duration dynamic east edge edit editor elastic email enable encode encoding endpoint "
    "engine english enter enterprise entry environment europe event events example exchange "
    "exclude execute exit experimental expire export express extended extension external "
    "factory fail failed failure false fast feature fetch field file files filter final "
    "finish first flask flat folder follow force format forward frame free french front "
    "frontend full function gateway general generic german github gitlab global google "
    "graph green group guest handler hash head header health heartbeat hello help hidden "
    "high history home host hostname hourly html http https identity idle ignore image "
    "import include index inherit init initial inline input insert inside instance integer "
    "integration interactive interface internal interval invalid issuer item items java "
    "javascript jobs join json kafka keep kernel keys kubernetes label language large last "
    "latest layout lazy leader left legacy length level library license light limit limited "
    "line linear link linux list listen live load loader local locale location "
    "lock logger logging login logs long loose lower mail main maintenance manager manual "
    "mariadb master match maximum media medium member memory message messages metadata "
    "method metrics migrate minimal minimum missing mobile mock mode model module mongo "
    "mongodb monitor monitoring monthly mysql name namespace native nearest network never "
    "next nginx node none normal north notification number object offline okay online only "
    "open openai operation option optional options oracle order origin other output outside "
    "overwrite owner package page parallel parameter parent partial password path pattern "
    "pending permission personal ping pipeline plain platform plugin point policy pool port "
    "postgres postgresql prefer preferred prefix premium preview primary print private prod "
    "producer product production profile program progress project prometheus protocol "
    "provider proxy public publish pull push python query queue rabbitmq random range read "
    "reader readonly ready realm record redirect redis refresh region register registry "
    "regular reject relative release reload remote remove render replica report repository "
    "request require required reset resource response restart result retry return right "
    "role root round route router rule running runtime safe sample sandbox scheduler schema "
    "scope script search second secondary secret section secure security select send sender "
    "sentry server service services session settings setup shared shell short show shutdown "
    "simple single site size skip slave sleep slow small smtp snapshot socket source south "
    "spanish special sqlite stable stack stage staging standalone standard start startup "
    "state static statistics status stderr stdout step stop storage store stream strict "
    "string strong style subject submit success suffix summary support swarm switch sync "
    "system table target task team template temporary tenant test testing tests text theme "
    "thread ticket time timeout title token tools topic total traffic transaction transfer "
    "transport trial trigger trust type ubuntu undo unified unique unit universal unknown "
    "unlimited unlock update upgrade upload upper uptime user username users utils valid "
    "validate value values variable vendor version video view virtual volume wait watch "
    "webhook website weekly west white width wildcard window windows worker workers "
    "workspace world write writer yaml zone "
)
_GENERIC_DOMAINS: Final = frozenset(
    "com org net edu gov mil int info biz name app dev cloud site online tech test example invalid "
    "local internal lan home corp intranet localdomain localhost arpa svc".split()
)
_DIRECTORIES: Final = frozenset(
    "bin boot dev etc home lib lib64 media mnt nix opt proc root run sbin srv sys tmp usr var app "
    "data code src workspace".split()
)


def why(value: bytes) -> str:
    """What makes ``value`` too ordinary to be a secret, as in "a number"; else empty."""
    short = len(value.strip()) < SHORTEST
    return setting(value) or ("shorter than 8 bytes" if short else "")


def setting(value: bytes) -> str:
    """What setting ``value`` looks like, as in "a boolean"; empty where it looks like none."""
    text = _text(value)
    word = text.lower()
    if not text:
        return "empty" if not value.strip() else ""
    if word in _BOOLEANS:
        return "a boolean"
    if word in _NOTHING:
        return "no value"
    if word in _LEVELS:
        return "a level"
    if _is_host(text):
        return "a host name"
    if _is_number(word):
        return "a number"
    if text in (word, word.upper(), word.capitalize()) and _has_common_words(word):
        return "a common word"
    if _is_url(text):
        return "a URL without a password"
    return "a path" if _is_path(text) else ""


def _text(value: bytes) -> str:
    """``value`` without blanks around it; empty where it is no printable text of one line."""
    try:
        text = value.decode("ascii").strip()
    except UnicodeDecodeError:
        return ""
    return text if text.isprintable() else ""


def _has_common_words(word: str) -> bool:
    """Whether it is one of the words, or up to three of them: ``service_account``."""
    words = word.replace("_", "-").split("-")
    return len(words) <= 3 and all(" " not in each and f" {each} " in _WORDS for each in words)


def _is_number(word: str) -> bool:
    """Whether it is a number, a date, a time, a version, or a number with a unit."""
    digits = sum(map(str.isdigit, word))
    rest = word.lstrip("v+-").strip("0123456789.,:_/%+- ") if digits else word
    return 0 < digits <= _DIGITS and (not rest or rest in _UNITS) and " " not in word.strip()


def _is_host(text: str) -> bool:
    """Whether it is a DNS name in a usual domain, or an address; a port may follow."""
    if text.startswith("["):  # [::1]:443
        address, _, port = text[1:].partition("]")
        return _is_ipv6(address) and (not port or _is_port(port.removeprefix(":")))
    if text.count(":") > 1:
        return _is_ipv6(text)
    name, colon, port = text.partition(":")
    if colon and not _is_port(port):
        return False
    labels = name.lower().split(".")
    if len(labels) == 4 and all(label.isdecimal() and int(label) < 256 for label in labels):
        return True
    if name == "localhost":
        return True
    known = labels[-1] in _GENERIC_DOMAINS or (len(labels[-1]) == 2 and set(labels[-1]) <= _LOWER)
    return (
        known
        and len(labels) > 1
        and name in (name.lower(), name.upper())
        and all(map(_is_label, labels))
    )


def _is_label(label: str) -> bool:
    """Whether it is one of people's: at most a few digits, or few letters."""
    return (
        0 < len(label) <= _SEGMENT
        and set(label) <= _NAME
        and sum(map(str.isdigit, label)) <= 4
        and not label.startswith("-")
        and not label.endswith("-")
    )


def _is_ipv6(text: str) -> bool:
    parts = text.split(":")
    return (
        3 <= len(parts) <= 8
        and all(len(part) <= 4 and set(part) <= set("0123456789abcdefABCDEF") for part in parts)
        and ("" in parts or len(parts) == 8)
    )


def _is_port(text: str) -> bool:
    return text.isdecimal() and len(text) <= 5


def _is_url(text: str) -> bool:
    """Whether it names a place and holds nothing that could be a password or a token."""
    scheme, mark, rest = text.partition("://")
    if not mark or not 0 < len(scheme) <= 20 or not set(scheme) <= _NAME | set("+."):
        return False
    authority, _, path = rest.partition("/")
    host, colon, port = authority.partition(":")
    local = _is_label(host) and (not colon or _is_port(port))  # postgres://db:5432/app
    return (not authority or local or _is_host(authority)) and _has_plain_segments(path)


def _is_path(text: str) -> bool:
    """Whether it is a path of the usual directories, with nothing that looks made by chance."""
    start = text.removeprefix("/").partition("/")[0]
    return text.startswith("/") and start in _DIRECTORIES and _has_plain_segments(text[1:])


def _has_plain_segments(path: str) -> bool:
    return all(
        not segment or _is_label(segment.replace("_", "-").replace(".", "-").strip("-") or "x")
        for segment in path.split("/")
    )
