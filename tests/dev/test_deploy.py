"""What runs elsewhere: compose file and Kubernetes example, held against the code they name."""

import tomllib
from collections.abc import Iterator
from itertools import takewhile
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml

from api.app import create_app
from cli.main import app as deskstream
from infra.settings import Settings

ROOT = Path(__file__).parents[2]
KUBERNETES = ROOT / "deploy" / "kubernetes"
COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
ONCE = {"key", "topics"}  # they do something and end
ROLES = ("worker", "projector", "notifier", "api")
SECRETS = {"KAFKA_SASL_PASSWORD", "MONGODB_URI", "NOTIFY_URL"}
SETTINGS = {name.upper() for name in Settings.model_fields}
OUR_OWN = {name for name, s in COMPOSE["services"].items() if s.get("image") == "deskstream"}


def _documents() -> Iterator[dict[str, Any]]:
    for name in yaml.safe_load((KUBERNETES / "kustomization.yaml").read_text())["resources"]:
        yield from yaml.safe_load_all((KUBERNETES / name).read_text())


def _of_kind(kind: str) -> dict[str, dict[str, Any]]:
    return {d["metadata"]["name"]: d for d in _documents() if d["kind"] == kind}


DEPLOYMENTS = _of_kind("Deployment")


def _pods() -> Iterator[dict[str, Any]]:
    for document in (*DEPLOYMENTS.values(), *_of_kind("Job").values()):
        yield document["spec"]["template"]["spec"]


def _is_command(words: list[str]) -> bool:
    group: Any = typer.main.get_command(deskstream)
    for word in takewhile(lambda word: not word.startswith("-"), words[1:]):
        group = getattr(group, "commands", {}).get(word)
    return words[0] == "deskstream" and group is not None


def test_the_image_is_built_from_every_package() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    packages = {name.partition(".")[0] for name in project["tool"]["setuptools"]["packages"]}
    let_in = set((ROOT / ".dockerignore").read_text().splitlines())

    assert {f"!{package}" for package in packages} <= let_in


def test_every_file_is_part_of_the_example() -> None:
    named = yaml.safe_load((KUBERNETES / "kustomization.yaml").read_text())["resources"]

    there = {path.name for path in KUBERNETES.iterdir()} - {"kustomization.yaml"}
    assert set(named) == there


def test_what_is_set_are_settings_and_secrets_are_secret() -> None:
    plain = _of_kind("ConfigMap")["deskstream-settings"]["data"]
    secret = _of_kind("Secret")["deskstream-secrets"]["stringData"]
    own = {v["name"] for pod in _pods() for c in pod["containers"] for v in c.get("env", [])}
    composed = COMPOSE["x-deskstream"]["environment"] | COMPOSE["services"]["api"]["environment"]

    assert {*plain, *secret, *own, *composed} - {"<<"} <= SETTINGS
    assert not SECRETS & plain.keys()
    assert {"KAFKA_SASL_PASSWORD", "MONGODB_URI"} <= secret.keys()


def test_the_settings_of_the_example_go_together() -> None:
    data = _of_kind("ConfigMap")["deskstream-settings"]["data"]
    secret = _of_kind("Secret")["deskstream-secrets"]["stringData"]
    named = {name.lower(): value for name, value in (data | secret).items()}

    settings = Settings(_env_file=None, **named)

    assert settings.uses_tls
    assert settings.uses_sasl


@pytest.mark.parametrize("role", ROLES)
def test_each_role_is_deployed_and_survives_the_loss_of_a_node(role: str) -> None:
    spec = DEPLOYMENTS[role]["spec"]
    labels = spec["template"]["metadata"]["labels"]
    budget = _of_kind("PodDisruptionBudget")[role]["spec"]

    assert spec["replicas"] >= 2
    assert budget["maxUnavailable"] < spec["replicas"]
    assert spec["selector"]["matchLabels"] == budget["selector"]["matchLabels"] == labels
    assert spec["template"]["spec"]["terminationGracePeriodSeconds"] >= 10
    assert spec["template"]["spec"]["containers"][0]["args"] == ["deskstream", role]


def test_every_container_has_bounds_and_no_rights() -> None:
    for pod in _pods():
        for container in pod["containers"]:
            assert _is_command(container["args"])
            assert container["resources"]["limits"]["memory"]
            assert container["securityContext"]["readOnlyRootFilesystem"]
            assert not container["securityContext"]["allowPrivilegeEscalation"]
        assert pod["securityContext"]["runAsNonRoot"]


@pytest.mark.parametrize("role", ROLES)
def test_probes_ask_what_there_is(role: str) -> None:
    container = DEPLOYMENTS[role]["spec"]["template"]["spec"]["containers"][0]
    ready = container["readinessProbe"]
    if role != "api":
        assert _is_command(ready["exec"]["command"])
        assert "livenessProbe" not in container  # an engine that is away is waited for
        return
    asked = {ready["httpGet"]["path"], container["livenessProbe"]["httpGet"]["path"]}
    assert asked == {"/readyz", "/livez"}
    routes = create_app(Settings(_env_file=None)).openapi()["paths"]
    assert asked <= routes.keys()


def test_nobody_but_the_api_is_asked_anything() -> None:
    policies = _of_kind("NetworkPolicy")

    assert policies["deskstream"]["spec"]["ingress"] == []
    assert policies["api"]["spec"]["ingress"][0]["ports"] == [{"port": 8000, "protocol": "TCP"}]


@pytest.mark.parametrize("service", COMPOSE["services"])
def test_a_composed_service_is_bounded_looked_after_and_can_be_scaled(service: str) -> None:
    spec = COMPOSE["services"][service]
    spec = COMPOSE["x-deskstream"] | spec if service in OUR_OWN else spec

    assert "container_name" not in spec
    assert spec["mem_limit"]
    assert spec["restart"] == ("no" if service in ONCE else "unless-stopped")
    assert service in ONCE or spec["healthcheck"]["test"][0] == "CMD"
    assert service not in (*ROLES, *ONCE) or _is_command(spec["command"])


def test_only_the_api_takes_a_port_of_the_host_and_a_range_if_it_is_scaled() -> None:
    ports = {name: s["ports"] for name, s in COMPOSE["services"].items() if "ports" in s}

    assert ports == {"api": ["${API_PUBLISHED:-127.0.0.1:8000}:8000"]}


@pytest.mark.parametrize("role", ROLES[:3])
def test_a_composed_process_is_healthy_if_its_engines_answer(role: str) -> None:
    assert _is_command(COMPOSE["services"][role]["healthcheck"]["test"][1:])
