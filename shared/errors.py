"""Every error that Tocsin raises on purpose, in one tree.

    TocsinError
    ├── ConfigError          a file the user wrote is wrong; says file, line, field, what is allowed
    │   ├── Invalid          a value that somebody sent is wrong; says field, what is allowed
    │   └── ReadOnly         what stands in a file is changed there and nowhere else; says where
    ├── RedisUnavailable     no Redis can be had; says the ways out
    ├── AlreadyRunning       another Tocsin owns this data directory
    ├── LeaseLost            the lease on a due member is gone: somebody else owns it now
    ├── CommitFailed         Redis refused a command of a commit; the lease runs out and the member comes up again
    ├── Unknown              what a person named is not there; says what is
    ├── Refused              what a person asked for cannot be done as things stand; says why
    ├── Unanswered           who was to answer is not there, is busy or took too long; may be asked again
    └── FetchError           an HTTP exchange ended without a usable answer
        ├── AddressDenied    the guard refused the address
        ├── BadUrl           not a URL that we fetch
        ├── DnsError         the name does not resolve
        ├── ConnectError     refused, reset, unreachable
        ├── TlsError         certificate or handshake
        ├── Timeout          connect, read or total deadline passed
        ├── TooLarge         more bytes than allowed, counted after decoding
        ├── BadEncoding      the body does not decode as its Content-Encoding says
        ├── TooManyRedirects more hops than allowed
        └── ProtocolError    the peer does not speak HTTP, or stopped in the middle

Each `FetchError` carries `outcome`, the label under which it is counted and shown.
"""

from typing import ClassVar


class TocsinError(Exception):
    """The root. `exit_code` is what the command line ends with."""

    exit_code: ClassVar[int] = 1


class ConfigError(TocsinError):
    """A mistake in a file that a person wrote.

    `problems` holds one line each, already in the form `file:line: field: what is wrong; what is allowed`.
    """

    exit_code = 2

    def __init__(self, *problems: str) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


class Invalid(ConfigError):
    """`problems` holds one line each: `field: what is wrong; what is allowed`. None of them shows a secret."""


class ReadOnly(ConfigError):
    pass


class RedisUnavailable(TocsinError):
    exit_code = 3


class AlreadyRunning(TocsinError):
    exit_code = 4


class LeaseLost(TocsinError):
    pass


class CommitFailed(TocsinError):
    """A command inside a commit of the due-set was refused by Redis.

    The commands before it took effect (scripts do not roll back), the due-set did not: the lease stays, runs out, and
    the member comes up again. So a commit's commands must bear repetition.
    """


class Unknown(TocsinError):
    pass


class Refused(TocsinError):
    pass


class Unanswered(TocsinError):
    pass


class FetchError(TocsinError):
    outcome: ClassVar[str] = "fetch_error"


class AddressDenied(FetchError):
    outcome = "address_denied"


class BadUrl(FetchError):
    outcome = "bad_url"


class DnsError(FetchError):
    outcome = "dns_error"


class ConnectError(FetchError):
    outcome = "connect_error"


class TlsError(FetchError):
    outcome = "tls_error"


class Timeout(FetchError):
    outcome = "timeout"


class TooLarge(FetchError):
    outcome = "too_large"


class BadEncoding(FetchError):
    outcome = "bad_encoding"


class TooManyRedirects(FetchError):
    outcome = "too_many_redirects"


class ProtocolError(FetchError):
    outcome = "protocol_error"
