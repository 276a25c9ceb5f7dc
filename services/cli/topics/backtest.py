"""The pack that is to be tried before it is in force."""

from pathlib import Path

from services.classifier.match import Matcher, compile_topics
from services.classifier.packs import load_pack
from shared.errors import ConfigError
from shared.models.pack import RULE_FILE


def changed_pack(name_or_directory: str, topics_dir: Path) -> tuple[str, Matcher]:
    """The topic's name, and its pack alone, held to its examples. Raises ConfigError."""
    home = Path(name_or_directory)
    if not (home / RULE_FILE).exists():
        home = topics_dir / name_or_directory
    if not (home / RULE_FILE).exists():
        names = sorted(rule.parent.name for rule in topics_dir.glob(f"*/{RULE_FILE}"))
        allowed = f"{', '.join(names)}, or a directory with a {RULE_FILE}"
        raise ConfigError(f"--topic: no topic `{name_or_directory}`; allowed: {allowed}")
    pack = load_pack(home)
    return pack.name, compile_topics([pack])
