"""What a platform team asks of a chart: it renders, it is valid, and it keeps the policies of a restricted cluster."""

import importlib
import json
import re
import runpy

import kubernetes_validate
import pytest
import yaml
from prometheus_client import REGISTRY

from contracts.topology import DURABLES, GATEWAY, SERVICES

from .conftest import CHART, EXAMPLES, GOLDEN, objects_of, updating

VERSIONS = ("1.33.0", "1.35.0", "1.37.0")
# Their schemas are those of operators, not of Kubernetes.
CUSTOM = {"ServiceMonitor", "PrometheusRule", "ScaledObject"}

ALLOWED_VOLUMES = {"name", "secret", "emptyDir", "persistentVolumeClaim"}

every_example = pytest.mark.parametrize("name", EXAMPLES)


def of_kind(objects, *kinds):
    return [each for each in objects if each["kind"] in kinds]


def pods(objects):
    """Every pod that the chart makes: its name, its labels, its specification."""
    for each in objects:
        if each["kind"] == "Pod":
            yield each["metadata"]["name"], each["metadata"]["labels"], each["spec"]
        elif each["kind"] in {"Deployment", "Job"}:
            template = each["spec"]["template"]
            yield each["metadata"]["name"], template["metadata"]["labels"], template["spec"]


@every_example
def test_golden_rendering(helm, rendered, name):
    text = rendered(helm, name)
    if updating():
        (GOLDEN / f"{name}.yaml").write_text(text, encoding="utf-8")
    assert (GOLDEN / f"{name}.yaml").read_text(encoding="utf-8") == text, "the chart renders otherwise: `make golden`"


def test_golden_consumers():
    """The consumers KEDA watches are those of the topology."""
    found = {}
    for durable in DURABLES:
        found.setdefault(durable.service, []).append({"stream": durable.stream, "consumer": durable.name})
    text = json.dumps(found, indent=2) + "\n"
    file = CHART / "files" / "consumers.json"
    if updating():
        file.write_text(text, encoding="utf-8")
    assert file.read_text(encoding="utf-8") == text, "the topology has other consumers: `make golden`"


@every_example
def test_the_chart_passes_the_strict_linter(helm, name):
    values = [] if EXAMPLES[name] is None else ["--values", EXAMPLES[name]]
    helm("lint", "--strict", CHART, *values)


@pytest.mark.parametrize("version", VERSIONS)
@every_example
def test_every_object_is_valid(name, version):
    for each in objects_of(name):
        if each["kind"] not in CUSTOM:
            kubernetes_validate.validate(each, version, strict=True)


@every_example
def test_every_pod_keeps_to_the_restricted_standard(name):
    for pod, _, spec in pods(objects_of(name)):
        security = spec["securityContext"]
        assert security["runAsNonRoot"], pod
        assert security["runAsUser"] > 0, pod
        assert security["seccompProfile"] == {"type": "RuntimeDefault"}, pod
        assert spec["automountServiceAccountToken"] is False, pod
        assert not {"hostNetwork", "hostPID", "hostIPC"} & spec.keys(), pod
        assert {kind for volume in spec.get("volumes", []) for kind in volume} <= ALLOWED_VOLUMES, pod
        for container in spec["containers"]:
            own = container["securityContext"]
            assert (own["allowPrivilegeEscalation"], own["readOnlyRootFilesystem"]) == (False, True), pod
            assert own["capabilities"] == {"drop": ["ALL"]}, pod


@every_example
def test_every_container_has_limits_and_an_image_of_a_version(name):
    for pod, _, spec in pods(objects_of(name)):
        for container in spec["containers"]:
            assert container["resources"]["limits"]["memory"], pod
            assert {"cpu", "memory"} <= container["resources"]["requests"].keys(), pod
            image, _, tag = container["image"].rpartition(":")
            assert image, pod
            assert tag not in {"", "latest"}, pod


@every_example
def test_no_secret_is_an_environment_variable_in_plain_text(name):
    for pod, _, spec in pods(objects_of(name)):
        for container in spec["containers"]:
            for variable in container.get("env", []):
                if any(word in variable["name"] for word in ("PASSWORD", "SECRET", "KEY", "TOKEN", "DATABASE")):
                    is_file = variable["name"].endswith("_FILE") and variable["value"].startswith("/run/secrets/")
                    assert is_file or "secretKeyRef" in variable.get("valueFrom", {}), (pod, variable)


@every_example
def test_every_service_is_probed_drained_spread_and_kept_available(name):
    objects = objects_of(name)
    for deployment in of_kind(objects, "Deployment"):
        spec = deployment["spec"]["template"]["spec"]
        (container,) = spec["containers"]
        assert {"startupProbe", "livenessProbe", "readinessProbe"} <= container.keys()
        assert container["livenessProbe"]["httpGet"]["path"] == "/healthz"
        assert container["readinessProbe"]["httpGet"]["path"] == "/readyz"
        # The pause before, 20 seconds to drain, and a few to close.
        assert spec["terminationGracePeriodSeconds"] >= 5 + 20 + 10
        assert spec["topologySpreadConstraints"]
        assert spec["affinity"]["podAntiAffinity"]
        assert "checksum/settings" in deployment["spec"]["template"]["metadata"]["annotations"]
    names = {each["metadata"]["name"] for each in of_kind(objects, "Deployment")}
    for kind in ("PodDisruptionBudget", "ServiceAccount", "Service"):
        assert {each["metadata"]["name"] for each in of_kind(objects, kind)} == names
    scaled = of_kind(objects, "HorizontalPodAutoscaler", "ScaledObject")
    targets = [each["spec"]["scaleTargetRef"]["name"] for each in scaled]
    assert len(set(targets)) == len(targets), "two scalers of one deployment work against each other"
    for deployment in of_kind(objects, "Deployment"):
        assert ("replicas" in deployment["spec"]) != (deployment["metadata"]["name"] in targets)


@every_example
def test_the_migration_survives_argo_cd_and_runs_again(name):
    (job,) = of_kind(objects_of(name), "Job")
    assert job["metadata"]["annotations"]["helm.sh/hook"] == "pre-install,pre-upgrade"
    assert job["metadata"]["annotations"]["helm.sh/hook-delete-policy"] == "before-hook-creation"
    assert "ttlSecondsAfterFinished" not in job["spec"]


def ports(rules):
    return {port["port"] for rule in rules for port in rule["ports"]}


@every_example
def test_network_policies_cover_each_edge_and_no_more(name):
    policies = {each["metadata"]["name"]: each["spec"] for each in of_kind(objects_of(name), "NetworkPolicy")}
    deny = policies.pop("memori-default-deny")
    assert deny["policyTypes"] == ["Ingress", "Egress"]
    assert not {"ingress", "egress"} & deny.keys()
    assert set(policies) == {f"memori-{component}" for component in (*SERVICES, "migrate")}
    traces = {4318} if name == "production" else set()
    https = set() if name == "air-gapped" else {443}
    sources = {5432, 3306} | ({8000} if name == "air-gapped" else set())
    for component in (*SERVICES, "migrate"):
        policy = policies[f"memori-{component}"]
        assert ports(policy["ingress"]) == (set() if component == "migrate" else {8000})
        expected = {53, 4222} | (set() if component == "migrate" else traces)
        expected |= set() if component == GATEWAY else {5432}
        expected |= https if component in {"sql-generator", "embedding-worker", "entity-extractor"} else set()
        expected |= sources if component == "sql-generator" else set()
        assert ports(policy["egress"]) == expected, component


def test_in_production_only_those_who_have_business_there_come_in():
    policies = {each["metadata"]["name"]: each["spec"] for each in of_kind(objects_of("production"), "NetworkPolicy")}
    assert all(rule.get("from") for policy in policies.values() for rule in policy.get("ingress", []))
    selected = [
        each["namespaceSelector"]["matchLabels"] for each in policies["memori-gateway"]["ingress"][0]["from"][:2]
    ]
    assert [labels["kubernetes.io/metadata.name"] for labels in selected] == ["ingress-nginx", "monitoring"]


@every_example
def test_a_policy_selects_exactly_the_pods_of_its_component(name):
    objects = objects_of(name)
    for policy in of_kind(objects, "NetworkPolicy"):
        wanted = policy["spec"]["podSelector"]["matchLabels"].items()
        selected = [pod for pod, labels, _ in pods(objects) if wanted <= labels.items()]
        everything = policy["metadata"]["name"] == "memori-default-deny"
        assert selected == (
            [pod for pod, _, _ in pods(objects) if not pod.endswith("-test")]
            if everything
            else [policy["metadata"]["name"]]
        )


def alerts():
    groups = yaml.safe_load((CHART / "files" / "alerts.yaml").read_text(encoding="utf-8"))["groups"]
    return [rule for group in groups for rule in group["rules"]]


def test_every_alert_has_a_runbook_that_is_there():
    pages = {path.stem for path in (CHART.parent / "docs" / "runbooks").glob("*.md")}
    linked = [rule["annotations"]["runbook_url"].removeprefix("RUNBOOKS/") for rule in alerts()]
    assert set(linked) == pages
    assert len(set(linked)) == len(linked)


@pytest.mark.parametrize(
    ("setting", "complaint"),
    [
        ("image.tag=latest", "tag"),
        ("nats.url=http://nats:4222", "url"),
        ("services.gateway.replica=3", "replica"),
        ("terminationGracePeriodSeconds=5", "terminationGracePeriodSeconds"),
    ],
)
def test_values_that_cannot_be_meant_are_refused(helm, setting, complaint):
    with pytest.raises(AssertionError, match=complaint):
        helm("template", "memori", CHART, "--set", setting)


def dashboards():
    return runpy.run_path(str(CHART.parent / "deploy" / "observability" / "dashboards.py"))


def test_golden_dashboards():
    files = dashboards()["files"]()
    for path, text in files.items():
        if updating():
            path.write_text(text, encoding="utf-8")
        assert path.read_text(encoding="utf-8") == text, "the dashboards are written otherwise: `make golden`"
    assert set((CHART / "files" / "dashboards").glob("*.json")) == set(files)


def test_every_metric_that_is_watched_exists():
    """Alerts and dashboards name no metric that no service has."""
    for service in SERVICES:
        importlib.import_module(f"{service.replace('-', '_')}.main")
    known = {sample for metric in REGISTRY.collect() for sample in (metric.name, *(s.name for s in metric.samples))}
    known |= {f"{metric.name}{suffix}" for metric in REGISTRY.collect() for suffix in ("_total", "_count", "_bucket")}
    watched = [rule["expr"] for rule in alerts()]
    for _, panels in dashboards()["DASHBOARDS"].values():
        watched += [expression for panel in panels for expression in panel.series.values()]
    named = {name for expression in watched for name in re.findall(r"memori_\w+", expression)}
    assert named - known == set()
