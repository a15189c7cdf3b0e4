"""The Deployment of a placement: pinned, restricted, drained, and ours whatever the overlay says."""

import itertools
from collections.abc import Callable, Mapping
from dataclasses import replace

import pytest

from quartermaster.api import names as wire
from quartermaster.api.v1alpha1.enums import EngineName, Precision
from quartermaster.manifests.deployment import insist_on_buildable, placement_deployment
from quartermaster.manifests.errors import ManifestError
from quartermaster.manifests.labels import place_of, placement_labels
from quartermaster.manifests.replica import Replica
from tests.manifests import world
from tests.manifests.cases import WISHES

VLLM_4 = world.shape(EngineName.VLLM, 4)


def node_terms(rendered: world.JsonObject) -> dict[str, tuple[str, list[str]]]:
    """Return operator and values by label of the required node affinity."""
    required = rendered["spec"]["template"]["spec"]["affinity"]["nodeAffinity"]
    (term,) = required["requiredDuringSchedulingIgnoredDuringExecution"]["nodeSelectorTerms"]
    return {e["key"]: (e["operator"], e.get("values", [])) for e in term["matchExpressions"]}


def test_a_pod_is_pinned_to_its_pool_and_region() -> None:
    """Every label that tells the pool's nodes is required, and every label that tells others is excluded."""
    where = replace(world.pool("nvidia-h200-sxm"), absent_labels=("cloud.google.com/gke-spot",))
    terms = node_terms(world.render_one(world.deployment(), where, VLLM_4))
    assert terms["topology.kubernetes.io/region"] == ("In", ["eu-west-1"])
    assert terms["example.com/pool"] == ("In", ["nvidia-h200-sxm"])
    assert terms["cloud.google.com/gke-spot"] == ("DoesNotExist", [])


def test_a_pool_without_labels_is_refused() -> None:
    """A pod that nothing pins could run anywhere, also where the rules forbid it."""
    where = replace(world.pool("nvidia-h200-sxm"), node_labels={})
    with pytest.raises(ManifestError, match=r"set spec\.nodeSelector"):
        world.render_one(world.deployment(), where, VLLM_4)


def test_an_image_for_one_architecture_excludes_other_nodes() -> None:
    """A wrong architecture shows as an unschedulable pod that says why, not as a crash."""
    terms = node_terms(world.render_one(world.deployment(), world.pool("amd-mi300x"), VLLM_4))
    assert terms["kubernetes.io/arch"] == ("In", ["amd64"])


def test_chips_are_requested_and_limited_alike() -> None:
    """An extended resource must have equal requests and limits; the host's resources have no limits."""
    rendered = world.render_one(world.deployment(), world.pool("intel-gaudi3"), world.shape(EngineName.VLLM_GAUDI, 4))
    resources = world.serving_container(rendered)["resources"]
    assert resources["limits"] == {"habana.ai/gaudi": "4"}
    assert resources["requests"] == {"habana.ai/gaudi": "4", "cpu": "5", "memory": "20Gi"}


def test_a_tpu_slice_is_asked_for_whole() -> None:
    """GKE gives a slice to one pod; a shape that needs fewer chips still holds all of them."""
    where = world.tpu_pool("google-tpu-v6e", "tpu-v6e-slice", "2x4")
    rendered = world.render_one(world.deployment(), where, world.shape(EngineName.VLLM_TPU, 4))
    assert world.serving_container(rendered)["resources"]["limits"] == {"google.com/tpu": "8"}
    assert rendered["spec"]["template"]["spec"]["nodeSelector"] == {
        "cloud.google.com/gke-tpu-accelerator": "tpu-v6e-slice",
        "cloud.google.com/gke-tpu-topology": "2x4",
    }


def test_a_slice_that_spans_hosts_is_refused() -> None:
    """A Deployment has one pod per replica, and that pod sits on one host."""
    where = world.tpu_pool("google-tpu-v6e", "tpu-v6e-slice", "4x4")
    where = replace(where, hosts=tuple(replace(host, nodes=4) for host in where.hosts))
    with pytest.raises(ManifestError, match="found slices of 4 chips per host") as refusal:
        world.render_one(world.deployment(), where, world.shape(EngineName.VLLM_TPU, 16))
    assert refusal.value.reason == "SpansHosts"


def test_the_overlay_never_overrides_what_is_ours() -> None:
    """Labels and variables of the overlay are added; those that we rely on stay."""
    overlay = {
        "labels": {"example.com/team": "search"},
        "environment": [{"name": "HF_HOME", "value": "/elsewhere"}, {"name": "LOG_STYLE", "value": "plain"}],
    }
    rendered = world.render_one(world.deployment(serving={"overlay": overlay}), world.pool("nvidia-h200-sxm"), VLLM_4)
    labels = rendered["spec"]["template"]["metadata"]["labels"]
    assert labels["example.com/team"] == "search"
    assert labels[wire.DEPLOYMENT_LABEL] == "chat"
    value_by_variable = {v["name"]: v["value"] for v in world.serving_container(rendered)["env"]}
    assert value_by_variable["HF_HOME"] == "/cache/huggingface"
    assert value_by_variable["LOG_STYLE"] == "plain"


def test_the_selector_finds_the_pods() -> None:
    """The selector is a part of the pods' labels, whatever the overlay adds."""
    rendered = world.render_one(world.deployment(**WISHES), world.pool("nvidia-h200-sxm"), VLLM_4)
    labels = rendered["spec"]["template"]["metadata"]["labels"]
    assert rendered["spec"]["selector"]["matchLabels"].items() <= labels.items()


def test_a_start_may_take_as_long_as_the_weights_need() -> None:
    """The probe waits for a cold download at 100 MB/s, and for chips that compile; the roll-out waits longer still."""
    gpu = world.render_one(world.deployment(), world.pool("nvidia-h200-sxm"), VLLM_4)
    neuron = world.render_one(world.deployment(), world.pool("aws-trainium2"), world.shape(EngineName.VLLM_NEURON, 4))
    seconds = []
    for rendered in (gpu, neuron):
        probe = world.serving_container(rendered)["startupProbe"]
        seconds.append(probe["failureThreshold"] * probe["periodSeconds"])
        assert rendered["spec"]["progressDeadlineSeconds"] > seconds[-1]
    assert seconds[0] >= 600 + 1400
    assert seconds[1] == seconds[0] + 3600


def test_a_pod_drains_before_it_stops() -> None:
    """Endpoints drop while the engine still answers, and long answers may end."""
    rendered = world.render_one(world.deployment(), world.pool("nvidia-h200-sxm"), VLLM_4)
    sleep_seconds = world.serving_container(rendered)["lifecycle"]["preStop"]["sleep"]["seconds"]
    assert 0 < sleep_seconds < rendered["spec"]["template"]["spec"]["terminationGracePeriodSeconds"]


ZONE = "topology.kubernetes.io/zone"
SPREAD = world.deployment(placement={"minZones": 2})


def in_zones(replicas_by_zone: Mapping[str, int]) -> tuple[world.JsonObject, ...]:
    """Return the Deployments of a pool whose replicas are spread over zones."""
    return world.render(SPREAD, *world.zoned(SPREAD, world.pool("nvidia-h200-sxm"), replicas_by_zone))[2:]


def test_replicas_that_are_spread_over_zones_have_a_deployment_for_each_zone_pinned_to_it() -> None:
    """The scheduler can put none of them elsewhere, and the pods of one are none of the other's."""
    made = in_zones({"b": 3, "a": 1})
    assert [(one["spec"]["replicas"], node_terms(one)[ZONE]) for one in made] == [
        (1, ("In", ["a"])),
        (3, ("In", ["b"])),
    ]
    assert len({one["metadata"]["name"] for one in made}) == 2
    for one, other in zip(made, reversed(made), strict=True):
        selector = one["spec"]["selector"]["matchLabels"].items()
        assert selector <= one["spec"]["template"]["metadata"]["labels"].items()
        assert not selector <= other["spec"]["template"]["metadata"]["labels"].items()
        assert "topologySpreadConstraints" not in one["spec"]["template"]["spec"]


def test_other_counts_in_zones_change_no_template() -> None:
    """Counts follow the load; a changed template would replace every pod, and a large model takes long to load."""
    before, after = in_zones({"a": 1, "b": 3}), in_zones({"a": 2, "b": 2})
    for one, other in zip(before, after, strict=True):
        assert one["spec"]["replicas"] != other["spec"]["replicas"]
        assert {**one["spec"], "replicas": 0} == {**other["spec"], "replicas": 0}
        assert one["metadata"] == other["metadata"]


def test_replicas_that_may_be_in_any_zone_are_pinned_to_none() -> None:
    """A spread that nobody planned must not make pods unschedulable."""
    rendered = world.render_one(SPREAD, world.pool("nvidia-h200-sxm"), VLLM_4)
    assert ZONE not in node_terms(rendered)
    assert wire.ZONE_LABEL not in rendered["metadata"]["labels"]


@pytest.mark.parametrize("zone", ["", "eu-west-1a"])
def test_the_labels_of_a_placement_tell_its_place(zone: str) -> None:
    """What runs is read from labels alone: of the Deployment and of its pods."""
    placed = replace(world.placement(SPREAD, world.pool("nvidia-h200-sxm"), VLLM_4), zone=zone)
    assert place_of(placement_labels(placed)) == placed.place
    rendered = world.render(SPREAD, (world.pool("nvidia-h200-sxm"), placed))[-1]
    assert place_of(rendered["metadata"]["labels"]) == placed.place
    assert place_of(rendered["spec"]["template"]["metadata"]["labels"]) == placed.place


@pytest.mark.parametrize(
    ("source", "argument", "volume"),
    [
        ("hf://meta-llama/Llama@main", "meta-llama/Llama", None),
        (
            "pvc://weights/llama/3.3",
            "/model/llama/3.3",
            {"persistentVolumeClaim": {"claimName": "weights", "readOnly": True}},
        ),
        ("pvc://weights", "/model", {"persistentVolumeClaim": {"claimName": "weights", "readOnly": True}}),
        (
            "oci://registry.example.com/llama:1",
            "/model",
            {"image": {"reference": "registry.example.com/llama:1", "pullPolicy": "IfNotPresent"}},
        ),
        ("s3://weights/llama", "s3://weights/llama", None),
        ("gs://weights/llama", "gs://weights/llama", None),
    ],
)
def test_weights_come_from_their_source(source: str, argument: str, volume: world.JsonObject | None) -> None:
    """A claim and an image are mounted read-only; a bucket is streamed; a repository is downloaded."""
    wanted = world.deployment(model={"name": "llama-3.3-70b-instruct", "source": source})
    rendered = world.render_one(wanted, world.pool("nvidia-h200-sxm"), VLLM_4)
    container = world.serving_container(rendered)
    assert container["args"][0] == argument
    assert ("--load-format=runai_streamer" in container["args"]) == source.startswith(("s3://", "gs://"))
    assert ("--revision=main" in container["args"]) == source.endswith("@main")
    volumes = [v for v in rendered["spec"]["template"]["spec"]["volumes"] if v["name"] == "model"]
    mounts = [m for m in container["volumeMounts"] if m["name"] == "model"]
    if volume is None:
        assert (volumes, mounts) == ([], [])
    else:
        assert volumes == [{"name": "model", **volume}]
        assert mounts == [{"name": "model", "mountPath": "/model", "readOnly": True}]


def test_facts_without_a_source_are_no_weights() -> None:
    """A model that the catalog does not hold has no repository to fall back on."""
    facts: world.JsonObject = {"parameters": 14_700_000_000, "layers": 40, "kvHeads": 10, "headDimension": 128}
    facts |= {"contextTokens": 16_384, "licence": "mit"}
    wanted = world.deployment(model={"name": "llama-3.3-70b-instruct", "facts": facts})
    with pytest.raises(ManifestError, match=r"set spec\.model\.source"):
        world.render_one(wanted, world.pool("nvidia-h200-sxm"), VLLM_4)


def test_what_cannot_be_written_is_known_without_writing_it() -> None:
    """For every chip, engine and format: the quick answer is that of the builder, word for word."""
    for accelerator in world.CATALOG.accelerators_by_name.values():
        if accelerator.resource_name is None:
            continue
        for engine, precision in itertools.product(accelerator.engines, Precision):
            for wanted in (world.deployment(), world.deployment(model={**LLAMA, "source": "s3://weights/llama"})):
                where, how = world.pool(accelerator.name), world.shape(engine, 4, precision=precision)
                replica = world.replica(wanted, where, how)
                assert refused(insist_on_buildable, replica) == refused(placement_deployment, replica)


LLAMA = {"name": "llama-3.3-70b-instruct"}


def refused(build: Callable[[Replica], object], replica: Replica) -> tuple[str, str] | None:
    """Return why the builder refuses."""
    try:
        build(replica)
    except ManifestError as refusal:
        return refusal.reason, str(refusal)
    return None
