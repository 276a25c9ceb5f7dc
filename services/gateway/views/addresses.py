"""Addresses that people name: what else may stand in one, such as other alphabets, as it goes over the wire."""

import re

_LABEL = "[A-Za-z0-9_-]{1,63}"
# One that ends in a number would be taken for an IPv4 address.
_NAME = rf"({_LABEL}\.)*[A-Za-z][A-Za-z0-9_-]{{0,62}}"
_BYTE = "(25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])"
_HEX = "[0-9A-Fa-f]{1,4}"
_IPV6 = rf"\[(({_HEX}:){{7}}{_HEX}|({_HEX}:){{1,6}}:{_HEX}|::{_HEX})\]"
_PORT = "([1-9][0-9]{0,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5])"
ADDRESS = rf"^https?://({_NAME}|{_BYTE}(\.{_BYTE}){{3}}|{_IPV6})(:{_PORT})?([/?][!-~]*)?$"


def is_address(text: str) -> bool:
    return re.fullmatch(ADDRESS, text) is not None
