"""Hide the passwords and tokens of addresses (URLs) in text that is printed or written to a file."""

import re
from urllib.parse import quote, unquote

_ADDRESS = re.compile(r"([A-Za-z][\w+.-]*://)(\S*)")
_QUERY_VALUE = re.compile(r"([?&;#][^\s?&;#=]+=)[^\s&]*")
_HIDDEN = "…"


def redacted(text: str, *addresses: str) -> str:
    """Return the text with the user part and the query values of every address (URL) hidden. Never raises.

    addresses: known addresses. The secrets of these addresses are hidden everywhere in the text, also where a secret
    stands alone: a library's message may contain only the password.
    """
    for secret in sorted(set().union(*map(_secrets, addresses)), key=len, reverse=True):
        text = re.sub(rf"(?<!\w){re.escape(secret)}(?!\w)", _HIDDEN, text)
    return _QUERY_VALUE.sub(rf"\1{_HIDDEN}", _ADDRESS.sub(_without_user, text))


def _without_user(match: re.Match[str]) -> str:
    scheme, rest = match.groups()
    user, at, place = rest.rpartition("@")
    if set(user) & set("?#"):
        return scheme + _HIDDEN  # it may be a query or a part of the password: hide all
    return f"{scheme}{_HIDDEN}@{place}" if at else scheme + rest


def _secrets(address: str) -> set[str]:
    """Return the secrets in an address: the user part, the password, and the values of the query.

    The password's pieces between the characters `:/?#@` count as secrets too. Each secret is returned in three forms:
    unchanged, percent-encoded and percent-decoded.
    """
    user, _, place = address.partition("://")[2].rpartition("@")
    password = user.partition(":")[2] or user
    secrets = {user, password, *re.split("[:/?#@]", password)}
    secrets |= {part.partition("=")[2] for part in re.split("[?&;#]", place)}
    secrets |= {form for secret in secrets for form in (quote(secret, safe=""), unquote(secret))}
    return secrets - {""}
