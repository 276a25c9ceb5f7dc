"""The page on channels: each recipe is one that a notifier takes, and there is one for each channel."""

import re
from pathlib import Path

import pytest
from pydantic import SecretStr

from services.notifier.channels import CHANNELS, Means
from shared.config.subscriptions import load_subscriptions
from tests.contract.payloads import payload
from tests.project.sources import ROOT
from tests.servers import loopback_client

PAGES = [(ROOT / f"docs/how-to/add-a-{name}.md").read_text(encoding="utf-8") for name in ("channel", "webhook")]
RECIPES = [found for page in PAGES for found in re.findall(r"^ *```yaml\n(.*?)^ *```", page, re.MULTILINE | re.DOTALL)]
SECRETS = {
    "NEWSROOM_SECRET": "whsec_" + "dG9jc2luLXRlc3Qtc2VjcmV0LTI0LWJ5dGVz",
    "SLACK_URL": "https://hooks.slack.com/services/T0/B0/x",
    "DISCORD_URL": "https://discord.com/api/webhooks/1/x",
    "TELEGRAM_URL": "tgram://123456789:abcdefg_hijklmnop/12315544/",
    "SMTP_PASSWORD": "x",
}


@pytest.mark.parametrize("recipe", RECIPES)
def test_a_recipe_is_taken(recipe: str, tmp_path: Path) -> None:
    lines = recipe.splitlines(keepends=True)
    margin = len(lines[0]) - len(lines[0].lstrip())
    path = tmp_path / "subscriptions.yaml"
    path.write_text("".join(text[margin:] for text in lines), encoding="utf-8")
    for subscription in load_subscriptions(path, SECRETS):
        channel = subscription.channel
        url = getattr(channel, "url", None)
        if isinstance(url, SecretStr) and (named := url.get_secret_value()).startswith("env:"):
            channel = channel.model_copy(update={"url": SecretStr(SECRETS[named.removeprefix("env:")])})
        assert CHANNELS[channel.type](channel, Means(loopback_client())).write(payload())


def test_every_channel_has_a_recipe() -> None:
    assert {kind for recipe in RECIPES for kind in re.findall(r"type: (\w+)", recipe)} == set(CHANNELS)
