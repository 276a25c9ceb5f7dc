"""What stands in `deploy/` and `docker-compose.yml` is valid, and names only what exists."""

import json
import tomllib
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from shared.config.feeds import load_feeds
from shared.config.subscriptions import load_subscriptions
from shared.models.subscription import WebhookChannel
from shared.settings import PREFIX, Settings, load_settings, variable

ROOT = Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "deploy"
SERVICES = ("poller", "classifier", "notifier", "gateway")
VERSION = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
YAML_FILES = sorted([ROOT / "docker-compose.yml", *DEPLOY.rglob("*.yml"), *DEPLOY.rglob("*.yaml")])
DASHBOARDS = sorted(DEPLOY.rglob("*.json"))


def documents(path: Path) -> list[dict[str, object]]:
    return list(YAML(typ="safe").load_all(path))


def services_in(file: str) -> dict[str, dict[str, Any]]:
    services: dict[str, dict[str, Any]] = YAML(typ="safe").load(ROOT / file)["services"]
    return services


def compose() -> dict[str, dict[str, Any]]:
    return services_in("docker-compose.yml")


def environment(file: str, service: str) -> dict[str, str]:
    given: dict[str, str] = services_in(file)[service]["environment"]
    return given


@pytest.mark.parametrize("path", YAML_FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_file_of_the_deployment_is_valid_yaml(path: Path) -> None:
    assert all(isinstance(document, dict) for document in documents(path))


def test_compose_runs_redis_four_services_and_the_watchers() -> None:
    assert set(compose()) == {"redis", *SERVICES, "prometheus", "grafana"}


def test_the_four_services_are_one_image_and_one_command_each() -> None:
    for name in SERVICES:
        service = compose()[name]
        assert service["image"] == f"tocsin:{VERSION}"
        assert service["command"] == ["tocsin", name]


def test_no_container_may_write_to_its_root_or_gain_rights() -> None:
    for name, service in compose().items():
        assert service["read_only"] is True, name
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name


@pytest.mark.parametrize("file", ["docker-compose.yml", "deploy/compose.demo.yml"])
def test_every_container_is_started_again_when_it_dies_and_by_our_keeper_when_it_was_killed(file: str) -> None:
    own = {name: service for name, service in services_in(file).items() if "image" in service}
    assert "--filter label=tocsin.keep " in (DEPLOY / "keep.sh").read_text()
    assert {(service["restart"], *service["labels"]) for service in own.values()} == {("unless-stopped", "tocsin.keep")}


def test_nothing_is_published_beyond_this_machine_and_redis_not_at_all() -> None:
    published = {name: service.get("ports", []) for name, service in compose().items()}
    assert published["redis"] == []
    for ports in published.values():
        assert all(port.startswith("127.0.0.1:") for port in ports)


def test_prometheus_scrapes_each_service_where_it_serves_its_metrics() -> None:
    scraped = {
        job["job_name"]: str(job["dns_sd_configs"][0]["port"])
        for job in YAML(typ="safe").load(DEPLOY / "prometheus/prometheus.yml")["scrape_configs"]
    }
    served = {name: environment("docker-compose.yml", name)["TOCSIN_METRICS_PORT"] for name in SERVICES}
    assert scraped == served


def test_the_image_and_the_manifests_carry_the_version_of_the_package() -> None:
    assert f"ARG VERSION={VERSION}\n" in (DEPLOY / "Dockerfile").read_text()
    for name in SERVICES:
        assert f"image: tocsin:{VERSION}\n" in (DEPLOY / f"kubernetes/{name}.yaml").read_text()


@pytest.mark.parametrize("path", DASHBOARDS, ids=lambda path: path.name)
def test_a_dashboard_has_panels_that_do_not_overlap(path: Path) -> None:
    panels = json.loads(path.read_text())["panels"]
    cells = [
        (x, y)
        for at in (panel["gridPos"] for panel in panels)
        for x in range(at["x"], at["x"] + at["w"])
        for y in range(at["y"], at["y"] + at["h"])
    ]
    assert len(cells) == len(set(cells))
    assert all(x < 24 for x, _ in cells)
    assert len({panel["id"] for panel in panels}) == len(panels)


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_is_given_only_settings_that_exist_and_hold(name: str) -> None:
    given = environment("docker-compose.yml", name) | environment("deploy/compose.demo.yml", name)
    unknown = {key for key in given if key.startswith(PREFIX)} - {variable(field) for field in Settings.model_fields}
    assert all(key.endswith("_SECRET") for key in unknown)
    assert load_settings(given).poll_interval_seconds == 2


def test_the_compose_demo_polls_every_outlet_of_the_demo() -> None:
    polled = {feed.url.rpartition("/")[2] for feed in load_feeds(ROOT / "seeds/demo/feeds.yaml")}
    assert polled == {path.name for path in (ROOT / "seeds/demo/feeds").glob("*.xml")}


def test_the_compose_demo_signs_with_the_secret_that_its_receiver_knows() -> None:
    env = environment("deploy/compose.demo.yml", "notifier")
    (subscription,) = load_subscriptions(DEPLOY / "demo/subscriptions.yaml", env)
    receiver = services_in("deploy/compose.demo.yml")["demo-receiver"]["command"]
    assert isinstance(subscription.channel, WebhookChannel)
    assert subscription.channel.secret.get_secret_value() == receiver[receiver.index("--secret") + 1]
