"""The manifests in docker/kubernetes: valid by the published schemas, and of this very server.

No cluster takes part: Kubernetes' schemas come in the package kubernetes-validate, KEDA's in
cloudcoil-models-keda. A pydantic model drops what it does not know, so a manifest has to come back
from it as it was.
"""

import argparse
import json
import re
from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml
from cloudcoil.models.keda.v1alpha1 import ScaledObject
from pydantic import ValidationError

from lab_kit.gateway.door.keys import KEY_VARIABLE, OPERATOR_KEY_VARIABLE
from lab_kit.gateway.door.limits import Limits
from lab_kit.gateway.observe.metrics import Metrics
from lab_kit.gateway.run.options import add_arguments

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "docker/kubernetes"
VERSIONS = ("1.34", "1.37")
"""The oldest in which all of it is generally available, and the newest that the package knows."""
CLOSING_S = 5
"""What is left after draining, for closing sockets."""

FREE = ("labels", "annotations", "matchLabels", "metadata", "requests", "limits")
"""Mappings whose keys are anybody's."""

Manifest = dict[str, Any]


def manifests() -> dict[str, Manifest]:
    found = {}
    for path in sorted(FOLDER.rglob("*.yaml")):
        name = path.relative_to(FOLDER).as_posix()
        found[name] = yaml.safe_load(path.read_text("utf-8"))
    return found


ALL = manifests()
KUSTOMIZATIONS = {name: one for name, one in ALL.items() if one["kind"] == "Kustomization"}
CORE = {
    name: one for name, one in ALL.items() if one["kind"] not in ("Kustomization", "ScaledObject")
}
SCALED = ALL["keda/scaledobject.yaml"]
DEPLOYMENT = ALL["deployment.yaml"]
POD = DEPLOYMENT["spec"]["template"]["spec"]
SERVER = POD["containers"][0]


def is_valid_for_keda(manifest: Manifest) -> bool:
    model = ScaledObject.model_validate(manifest)
    return bool(model.model_dump(by_alias=True, exclude_unset=True, mode="json") == manifest)


def served() -> argparse.Namespace:
    """The server's options as the manifest gives them."""
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    assert SERVER["args"][1] == "serve"
    return parser.parse_args(SERVER["args"][2:])


def places(node: object, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """Every mapping of a manifest in which a field could be misspelt."""
    if isinstance(node, dict):
        yield path
        for key, value in node.items():
            is_service = key == "selector" and "matchLabels" not in value
            if key not in FREE and not is_service:
                yield from places(value, (*path, key))
    if isinstance(node, list):
        for index, value in enumerate(node):
            yield from places(value, (*path, index))


def with_field(manifest: Manifest, path: tuple[str | int, ...]) -> Manifest:
    changed = deepcopy(manifest)
    node: Any = changed
    for key in path:
        node = node[key]
    node["bogus"] = "1"
    return changed


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("name", CORE)
def test_manifests_are_valid(name: str, version: str) -> None:
    kubernetes_validate.validate(CORE[name], version, strict=True)


@pytest.mark.parametrize("name", CORE)
def test_a_misspelt_field_is_found_wherever_it_stands(name: str) -> None:
    for path in places(CORE[name]):
        with pytest.raises(kubernetes_validate.ValidationError):
            kubernetes_validate.validate(with_field(CORE[name], path), VERSIONS[-1], strict=True)


def test_the_scaled_object_is_valid_and_no_other_is() -> None:
    assert is_valid_for_keda(SCALED)
    for path in places(SCALED):
        assert not is_valid_for_keda(with_field(SCALED, path)), path
    wrong = deepcopy(SCALED)
    wrong["spec"]["maxReplicaCount"] = "many"
    with pytest.raises(ValidationError):
        is_valid_for_keda(wrong)


def test_every_file_is_built_by_one_folder_and_exists() -> None:
    built: list[str] = []
    for name, one in KUSTOMIZATIONS.items():
        folder = (FOLDER / name).parent
        assert set(one) == {"apiVersion", "kind", "resources"}
        for resource in one["resources"]:
            target = (folder / resource).resolve()
            assert target.exists(), resource
            if target.is_file():
                built.append(target.relative_to(FOLDER).as_posix())
    assert sorted(built) == sorted(set(ALL) - set(KUSTOMIZATIONS))


def test_the_two_autoscalers_are_never_built_together_and_do_the_same() -> None:
    for folder in ("hpa", "keda"):
        assert ".." in KUSTOMIZATIONS[f"{folder}/kustomization.yaml"]["resources"]
    hpa, keda = ALL["hpa/autoscaler.yaml"]["spec"], SCALED["spec"]
    assert keda["advanced"]["horizontalPodAutoscalerConfig"]["behavior"] == hpa["behavior"]
    assert (keda["minReplicaCount"], keda["maxReplicaCount"]) == (
        hpa["minReplicas"],
        hpa["maxReplicas"],
    )
    target = hpa["metrics"][0]["pods"]["target"]["averageValue"]
    assert keda["triggers"][0]["metadata"]["threshold"] == target
    name = DEPLOYMENT["metadata"]["name"]
    assert keda["scaleTargetRef"]["name"] == hpa["scaleTargetRef"]["name"] == name
    assert "replicas" not in DEPLOYMENT["spec"], "each apply would undo the autoscaler"


def test_the_options_are_the_servers() -> None:
    options = served()
    ports = {port["name"]: port["containerPort"] for port in SERVER["ports"]}
    assert ports == {"http": options.port, "grpc": options.grpc_port}
    assert SERVER["args"][0] == ".venv/bin/lab", "as in docker/Dockerfile.cpu"
    assert {one["name"] for one in SERVER["env"]} == {KEY_VARIABLE, OPERATOR_KEY_VARIABLE}
    assert not options.without_keys


def test_the_node_waits_until_streams_are_drained() -> None:
    drain_s = dict(served().limit)["drain_s"]
    assert drain_s > Limits().drain_s
    pre_stop_s = SERVER["lifecycle"]["preStop"]["sleep"]["seconds"]
    readiness = SERVER["readinessProbe"]
    assert pre_stop_s > readiness["periodSeconds"] * readiness["failureThreshold"]
    assert POD["terminationGracePeriodSeconds"] >= pre_stop_s + drain_s + CLOSING_S


def test_probes_ask_routes_that_are_there() -> None:
    routes = json.loads((ROOT / "docs/contract/openapi.json").read_text("utf-8"))["paths"]
    annotations = DEPLOYMENT["spec"]["template"]["metadata"]["annotations"]
    asked = {SERVER[f"{kind}Probe"]["httpGet"]["path"] for kind in ("startup", "readiness")}
    assert asked == {"/readyz"}
    assert SERVER["livenessProbe"]["httpGet"]["path"] == "/healthz"
    assert {*asked, "/healthz", annotations["prometheus.io/path"]} <= set(routes)
    assert int(annotations["prometheus.io/port"]) == served().port


def test_autoscalers_go_by_metrics_that_are_there() -> None:
    text = Metrics().exposition()[0].decode()
    query = SCALED["spec"]["triggers"][0]["metadata"]["query"]
    metric = ALL["hpa/autoscaler.yaml"]["spec"]["metrics"][0]["pods"]["metric"]["name"]
    names = {metric, *re.findall(r"\blab_\w+", query)}
    assert names == {"lab_streams"}
    assert all(f"# TYPE {name} gauge" in text for name in names)


def test_everything_chooses_the_same_pods() -> None:
    labels = DEPLOYMENT["spec"]["template"]["metadata"]["labels"]
    assert DEPLOYMENT["spec"]["selector"]["matchLabels"] == labels
    assert ALL["service.yaml"]["spec"]["selector"] == labels
    assert ALL["disruption.yaml"]["spec"]["selector"]["matchLabels"] == labels
    assert ALL["network.yaml"]["spec"]["podSelector"]["matchLabels"] == labels
    ports = {port["name"] for port in SERVER["ports"]}
    assert {port["targetPort"] for port in ALL["service.yaml"]["spec"]["ports"]} == ports
    opened = [p["port"] for rule in ALL["network.yaml"]["spec"]["ingress"] for p in rule["ports"]]
    assert set(opened) == ports


def test_the_image_is_the_one_that_compose_builds() -> None:
    compose = yaml.safe_load((ROOT / "docker/compose.yaml").read_text("utf-8"))
    assert SERVER["image"] == compose["services"]["server"]["image"]
