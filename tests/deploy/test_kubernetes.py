"""The Kubernetes manifests: valid by Kubernetes' own schemas, and true of Stepmill."""

import os
import re
import subprocess
import time
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from stepmill.cli.supervision.connections import GOODBYE_SECONDS
from stepmill.cli.supervision.server import KILL_AFTER_SECONDS
from stepmill.settings import Settings
from tests.deploy.programs import DEPLOY, SECRETS, assert_command, option, settings_of
from tests.docs.pages import ROOT

FOLDER = DEPLOY / "kubernetes"
VERSIONS = ("1.29", "1.37")  # the oldest that a provider still runs, and the newest that there are schemas of

Manifest = dict[str, Any]


def manifests(name: str = "*") -> list[Manifest]:
    """All documents of the files."""
    return [each for path in sorted(FOLDER.glob(f"{name}.yaml")) for each in yaml.safe_load_all(path.read_text())]


def of_kind(*kinds: str) -> list[Manifest]:
    return [each for each in manifests() if each["kind"] in kinds]


KUSTOMIZATION = of_kind("Kustomization")[0]
WORKLOADS = {each["metadata"]["name"]: each for each in of_kind("Deployment", "Job")}
IDS = list(WORKLOADS)


def pod_of(name: str) -> Manifest:
    pod: Manifest = WORKLOADS[name]["spec"]["template"]
    return pod


def container_of(name: str) -> Manifest:
    (container,) = pod_of(name)["spec"]["containers"]
    return dict(container)


def shared_environment() -> dict[str, str]:
    """The map that every container is given."""
    (generated,) = KUSTOMIZATION["configMapGenerator"]
    return dict(each.split("=", 1) for each in generated["literals"])


def environment_of(name: str) -> dict[str, str]:
    """What a container finds set, but secrets."""
    own = {each["name"]: each["value"] for each in container_of(name)["env"] if "value" in each}
    return shared_environment() | own


def settings(name: str) -> Settings:
    return settings_of(environment_of(name))


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.yaml")), ids=lambda path: path.name)
def test_it_is_valid_by_the_schemas(path: Path, version: str) -> None:
    for each in yaml.safe_load_all(path.read_text()):
        assert {"apiVersion", "kind"} <= each.keys()
        if not each["apiVersion"].startswith(("kustomize.config.k8s.io/", "keda.sh/")):  # not Kubernetes' own
            assert each["metadata"]["name"]
            kubernetes_validate.validate(each, version, strict=True)


def test_the_kustomization_has_every_file_but_the_example() -> None:
    files = {path.name for path in FOLDER.glob("*.yaml")} - {"kustomization.yaml", "autoscaling.yaml"}
    assert set(KUSTOMIZATION["resources"]) == files


def test_no_name_is_taken_twice() -> None:
    names = [(each["kind"], each["metadata"]["name"]) for each in manifests() if "metadata" in each]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("name", IDS)
def test_its_command_is_one_of_stepmills(name: str) -> None:
    assert_command(container_of(name)["args"])
    assert container_of(name)["args"][0] == name


@pytest.mark.parametrize("name", IDS)
def test_its_settings_are_real_and_its_secrets_are_elsewhere(name: str) -> None:
    assert settings(name).data_dir.is_absolute()
    assert SECRETS.isdisjoint(environment_of(name))
    assert container_of(name)["envFrom"] == [{"configMapRef": {"name": KUSTOMIZATION["configMapGenerator"][0]["name"]}}]
    by_reference = [each for each in container_of(name)["env"] if "valueFrom" in each]
    assert {each["name"] for each in by_reference} <= SECRETS
    assert {each["valueFrom"]["secretKeyRef"]["name"] for each in by_reference} == {"stepmill"}
    assert "STEPMILL_DATABASE_URL" in {each["name"] for each in by_reference}


def test_selectors_find_their_pods() -> None:
    labels = {name: pod_of(name)["metadata"]["labels"].items() for name in WORKLOADS}
    for each in of_kind("Deployment"):
        spread = [one["labelSelector"] for one in each["spec"]["template"]["spec"]["topologySpreadConstraints"]]
        for selector in (each["spec"]["selector"], *spread):
            assert selector["matchLabels"].items() <= labels[each["metadata"]["name"]]
    for each in of_kind("PodDisruptionBudget", "Service"):
        selector = each["spec"]["selector"]
        found = [name for name in labels if selector.get("matchLabels", selector).items() <= labels[name]]
        assert found == [each["metadata"]["name"]]
    assert {each["metadata"]["name"] for each in of_kind("PodDisruptionBudget")} == {"api", "worker"}


def test_a_disruption_leaves_someone_to_work() -> None:
    for each in of_kind("Deployment"):
        assert each["spec"]["replicas"] >= 2
        assert each["spec"]["strategy"]["rollingUpdate"]["maxUnavailable"] == 0


def test_ports_are_those_that_are_listened_on() -> None:
    ports = {
        name: {each["name"]: each["containerPort"] for each in container_of(name).get("ports", [])} for name in IDS
    }
    assert ports["api"] == {"http": int(option(container_of("api")["args"], "--port") or 0)}
    assert option(container_of("api")["args"], "--host") == "0.0.0.0"
    assert ports["worker"] == {"metrics": settings("worker").metrics_port}
    assert settings("worker").metrics_host == "0.0.0.0"
    for each in of_kind("Service"):
        for port in each["spec"]["ports"]:
            assert port["targetPort"] in ports[each["metadata"]["name"]]
    for name in ("api", "worker"):
        assert int(pod_of(name)["metadata"]["annotations"]["prometheus.io/port"]) in ports[name].values()
    for probe in _probes("api"):
        assert probe["httpGet"]["port"] in ports["api"]
        assert probe["httpGet"]["path"] in ("/healthz", "/readyz")


def test_there_is_time_for_an_orderly_end() -> None:
    worker = pod_of("worker")["spec"]["terminationGracePeriodSeconds"]
    assert worker > settings("worker").shutdown_grace_seconds + KILL_AFTER_SECONDS
    api = pod_of("api")["spec"]["terminationGracePeriodSeconds"]
    _, pause = container_of("api")["lifecycle"]["preStop"]["exec"]["command"]
    assert api > float(pause) + settings("api").shutdown_grace_seconds + GOODBYE_SECONDS + 10


@pytest.mark.parametrize("name", IDS)
def test_what_is_mounted_is_there(name: str) -> None:
    volumes = {each["name"]: each for each in pod_of(name)["spec"]["volumes"]}
    mounts = {each["mountPath"]: each["name"] for each in container_of(name)["volumeMounts"]}
    assert set(mounts.values()) == volumes.keys()
    claims = {each["metadata"]["name"] for each in of_kind("PersistentVolumeClaim")}
    claimed = {
        each["persistentVolumeClaim"]["claimName"] for each in volumes.values() if "persistentVolumeClaim" in each
    }
    assert claimed <= claims
    assert str(settings(name).data_dir) in mounts
    if name != "migrate":
        folder = settings(name).blob_url
        assert folder is not None
        assert "persistentVolumeClaim" in volumes[mounts[str(Path(folder).parent)]]
    if name == "worker":
        assert str(settings(name).worker_probe_dir) in mounts


@pytest.mark.parametrize("name", IDS)
def test_it_may_do_no_more_than_it_must(name: str) -> None:
    pod, container = pod_of(name)["spec"], container_of(name)
    user = re.search(r"^USER (\d+):(\d+)$", (DEPLOY / "Dockerfile").read_text(), re.M)
    assert user is not None
    security = pod["securityContext"]
    assert security["runAsNonRoot"] is True
    assert (security["runAsUser"], security["runAsGroup"]) == (int(user[1]), int(user[2]))
    assert pod["automountServiceAccountToken"] is False
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert {"cpu", "memory"} <= container["resources"]["requests"].keys()
    assert "memory" in container["resources"]["limits"]


def test_probes_of_the_worker_tell_fresh_from_old(tmp_path: Path) -> None:
    """They are run as they are written, but for the folder. A missing file is an old one."""
    folder = str(settings("worker").worker_probe_dir)
    startup, liveness, readiness = (
        [word.replace(folder, str(tmp_path)) for word in probe["exec"]["command"]] for probe in _probes("worker")
    )
    expected = {"alive": (False, True, False), "beat": (True, False, True)}
    for name, results in expected.items():
        path = tmp_path / name
        path.touch()
        assert tuple(_passes(command) for command in (startup, liveness, readiness)) == results
        old = time.time() - 60
        os.utime(path, (old, old))
        assert not _passes(liveness)
        assert not _passes(readiness)
        path.unlink()


def test_a_probe_allows_several_heartbeats_to_be_late() -> None:
    for probe in _probes("worker")[1:]:
        allowed = re.search(r"-(\d+) seconds", probe["exec"]["command"][-1])
        assert allowed is not None
        assert int(allowed[1]) >= 4 * settings("worker").heartbeat_seconds


def test_the_autoscaler_scales_what_is_there() -> None:
    (scaler,) = of_kind("ScaledObject")
    assert scaler["metadata"]["namespace"] == KUSTOMIZATION["namespace"]
    assert scaler["spec"]["scaleTargetRef"]["name"] in WORKLOADS
    assert scaler["spec"]["minReplicaCount"] < scaler["spec"]["maxReplicaCount"]
    (trigger,) = scaler["spec"]["triggers"]
    (metric,) = re.findall(r"stepmill_\w+", trigger["metadata"]["query"])
    assert f'"{metric}"' in (ROOT / "src" / "stepmill" / "engine" / "queue_figures.py").read_text()
    assert int(trigger["metadata"]["threshold"]) == 2 * int(
        option(container_of("worker")["args"], "--concurrency") or 0
    )


def _probes(name: str) -> list[Manifest]:
    container = container_of(name)
    return [container[f"{kind}Probe"] for kind in ("startup", "liveness", "readiness")]


def _passes(command: list[str]) -> bool:
    return subprocess.run(command, stderr=subprocess.DEVNULL).returncode == 0
