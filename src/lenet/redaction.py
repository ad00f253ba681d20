"""Hide passwords in what is printed or written: those in addresses, and those of known addresses in any other form."""

import re
from urllib.parse import quote, unquote

_ADDRESS = re.compile(r"([A-Za-z][\w+.-]*://)(\S*)")
_QUERY_VALUE = re.compile(r"([?&;#][^\s?&;#=]+=)[^\s&]*")
_HIDDEN = "…"


def redacted(text: str, *addresses: str) -> str:
    """Return a text without the user part and the query's values of any address in it; it never raises.

    addresses: those whose secrets are hidden in any form, as in a library's message that has the password alone.
    """
    for secret in sorted(set().union(*map(_secrets, addresses)), key=len, reverse=True):
        text = re.sub(rf"(?<!\w){re.escape(secret)}(?!\w)", _HIDDEN, text)
    return _QUERY_VALUE.sub(rf"\1{_HIDDEN}", _ADDRESS.sub(_without_user, text))


def _without_user(found: re.Match[str]) -> str:
    scheme, rest = found.groups()
    user, at, place = rest.rpartition("@")
    if set(user) & set("?#"):
        return scheme + _HIDDEN  # whether it is a query or a part of the password
    return f"{scheme}{_HIDDEN}@{place}" if at else scheme + rest


def _secrets(address: str) -> set[str]:
    """Return the password, or token, of an address and its query's values, whole and in pieces, quoted and not."""
    user, _, place = address.partition("://")[2].rpartition("@")
    password = user.partition(":")[2] or user
    secrets = {user, password, *re.split("[:/?#@]", password)}
    secrets |= {part.partition("=")[2] for part in re.split("[?&;#]", place)}
    secrets |= {form for secret in secrets for form in (quote(secret, safe=""), unquote(secret))}
    return secrets - {""}
