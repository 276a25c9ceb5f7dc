"""`python -m shared.settings > docs/reference/settings.md` makes these pass."""

from pathlib import Path

from shared.settings import Settings, reference

ROOT = Path(__file__).parents[2]


def test_the_settings_reference_is_what_the_settings_say() -> None:
    assert (ROOT / "docs/reference/settings.md").read_text(encoding="utf-8") == reference()


def test_every_setting_says_what_it_means_in_one_line() -> None:
    for name, field in Settings.model_fields.items():
        assert field.description, name
        assert "\n" not in field.description, name
