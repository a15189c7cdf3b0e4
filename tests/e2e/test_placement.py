"""Where replicas run: every class of chip by its own resource, rules before prices, and a reason for every refusal.

Each scenario has accelerators or regions of its own, so that none takes the chips of another.
"""

import pytest

from quartermaster.api import names
from tests.e2e.wishes import LARGE_MODEL, SMALL_MODEL, Object, names_of, on, pool, shape, wish
from tests.e2e.world import REGION, World
from tests.lab import fleet
from tests.lab.fleet import NodeOptions

EU, US = "europe-west4", "us-east-1"
SPLIT, MIXED, TRAIN = "us-west-2", "us-east-2", "us-west-1"

FLEET: tuple[NodeOptions, ...] = (
    {"accelerator": "nvidia-h200-sxm", "platform": "bare", "region": SPLIT, "count": 1},
    {"accelerator": "amd-mi300x", "platform": "bare", "region": SPLIT, "count": 1},
    {"accelerator": "nvidia-h100-sxm", "platform": "gke", "region": EU, "count": 2},
    {"accelerator": "nvidia-h100-sxm", "platform": "eks", "region": US, "count": 2},
    {"accelerator": "google-tpu-v5e", "platform": "gke", "region": EU, "count": 2},
    {"accelerator": "aws-inferentia2", "platform": "eks", "region": US, "count": 1},
    {"accelerator": "aws-trainium1", "platform": "eks", "region": TRAIN, "count": 1},
    {"accelerator": "intel-gaudi3", "platform": "bare", "region": US, "count": 1},
    {"accelerator": "amd-mi300x", "platform": "bare", "region": US, "count": 1},
    {"accelerator": "nvidia-a100-sxm-80", "platform": "eks", "region": MIXED, "count": 1},
)


@pytest.fixture(scope="module", autouse=True)
def nodes(world: World) -> None:
    """Put the module's machines up; for Gaudi no price is published, so a pool states ours."""
    world.apply(*(node for options in FLEET for node in fleet.nodes(**options)))
    world.apply(pool("gaudi", {"intel.feature.node.kubernetes.io/gaudi": "true"}, price="2"))


def told_by_cli(world: World, namespace: str, name: str) -> Object:
    """Return the status of a deployment as ``kubectl-quartermaster status -o json`` tells it."""
    _, document = world.ask("status", name, "-n", namespace)
    assert document["kind"] == "StatusList"
    (entry,) = document["items"]
    assert (entry["namespace"], entry["name"]) == (namespace, name)
    told: Object = entry["status"]
    return told


def rules_told(status: Object) -> dict[str, str]:
    """Return the refusing rules of a status with the message of each; every one must say what would help."""
    assert all(row["remedy"] for row in status["rejections"]), status["rejections"]
    return {row["rule"]: row["message"] for row in status["rejections"]}


def test_a_model_is_split_over_two_kinds_of_chips_where_one_is_short(world: World, namespace: str) -> None:
    """No kind has chips enough for the whole load: two vendors' chips serve it together, behind the same Service."""
    shapes = [
        shape("amd-mi300x", chips=1, precision="FP8", engine="VLLM"),
        shape("nvidia-h200-sxm", chips=2, precision="FP8", engine="VLLM"),
    ]
    world.apply(
        wish(
            "split",
            namespace,
            model=LARGE_MODEL,
            rate="70",
            serving={"maxContextTokens": 8192, "shapes": shapes},
            placement={"regions": {"required": [SPLIT]}},
        )
    )
    status = world.wait_ready(namespace, "split")

    desired = {each["accelerator"]: each["desired"] for each in status["placements"]}
    assert desired.keys() == {"amd-mi300x", "nvidia-h200-sxm"}
    held = {"amd.com/gpu": desired["amd-mi300x"], "nvidia.com/gpu": 2 * desired["nvidia-h200-sxm"]}
    assert world.chips(namespace, "split") == held
    assert float(status["capacity"]["requestsPerSecond"]) >= 70
    assert "regions" in rules_told(status)
    assert world.condition(namespace, "split", "Placed")["status"] == "True"
    assert names_of(world.cluster.get("services", None, namespace)) == ["split"]
    behind = world.cluster.get("pods", None, namespace, _selector(world, namespace, "split"))
    assert len(behind) == sum(desired.values())
    assert told_by_cli(world, namespace, "split") == world.status(namespace, "split")


def _selector(world: World, namespace: str, service: str) -> str:
    """Return a Service's selector: no EndpointSlice may hold a loopback address, as the pods here have."""
    selector = world.cluster.get("services", service, namespace)["spec"]["selector"]
    return ",".join(f"{key}={value}" for key, value in selector.items())


def test_an_eu_only_model_never_leaves_the_eu(world: World, namespace: str) -> None:
    """Cheap US chips stay free: while the EU is dear, when the US gets cheaper, and when the EU shrinks to nothing."""
    european = {REGION: EU, "cloud.google.com/gke-accelerator": "nvidia-h100-80gb"}
    american = {REGION: US, "karpenter.sh/nodepool": "eks-nvidia-h100-sxm-us-east-1-ondemand"}
    world.apply(pool("eu-dear", european, price="20"), pool("us-cheap", american, price="1"))
    world.wait("both pools are known", lambda: all(_nodes(world, name) == 2 for name in ("eu-dear", "us-cheap")))
    mark = world.cluster.audit.mark()
    wanted = wish(
        "eu-only",
        namespace,
        model=LARGE_MODEL,
        rate="2",
        compliance={"residency": {"jurisdictions": ["EU"]}},
        scaling={"minReplicas": 2},
        placement={"accelerators": {"allow": {"names": ["nvidia-h100-sxm"]}}},
    )
    world.apply(wanted)

    status = world.wait_ready(namespace, "eu-only")
    assert {each["pool"] for each in status["placements"]} == {"eu-dear"}
    assert set(world.pods_by_region(namespace, "eu-only")) == {EU}
    assert "residency" in rules_told(status)
    _, plan = world.ask("plan", "--show-rejections")
    refused = {each["pool"]: each for each in plan["rejections"] if each["namespace"] == namespace}
    assert refused["us-cheap"]["rule"] == "residency"
    assert "lies in US" in refused["us-cheap"]["message"]
    assert rules_told(told_by_cli(world, namespace, "eu-only"))["residency"] == rules_told(status)["residency"]

    world.cluster.patch("acceleratorpools", "us-cheap", {"spec": {"dollarsPerChipHour": "0.01"}})
    for node in world.cluster.get("nodes", None, None, f"{REGION}={EU},cloud.google.com/gke-accelerator"):
        world.cluster.patch("nodes", node["metadata"]["name"], {"spec": {"unschedulable": True}})
    try:
        world.wait("the pools show it", lambda: _nodes(world, "eu-dear") == 0)
        world.wait(
            "a shortfall is told that names the European pool, not a rule to give up",
            lambda: (
                "eu-dear" in (placed := world.condition(namespace, "eu-only", "Placed"))["message"]
                and placed["status"] == "False"
            ),
        )
        exit_status, document = world.ask("status", "eu-only", "-n", namespace)
        assert (exit_status, len(document["items"])) == (1, 1)
        assert set(world.pods_by_region(namespace, "eu-only")) <= {EU}
        _assert_pinned_to(world, namespace, EU)
    finally:
        for node in world.cluster.get("nodes", None, None, f"{REGION}={EU}"):
            world.cluster.patch("nodes", node["metadata"]["name"], {"spec": {"unschedulable": None}})
    world.wait_ready(namespace, "eu-only")
    _assert_pinned_to(world, namespace, EU)
    made = {e.name for e in world.writes(since=mark) if (e.resource, e.namespace) == ("deployments", namespace)}
    assert made, "the audit log has no Deployment of the scenario"
    assert all("eu-dear" in name for name in made), made


def _nodes(world: World, name: str) -> int | None:
    count: int | None = world.cluster.get("acceleratorpools", name).get("status", {}).get("nodes")
    return count


def _assert_pinned_to(world: World, namespace: str, region: str) -> None:
    """Every Deployment's required affinity admits nodes of the region only."""
    for deployment in world.cluster.get("deployments", None, namespace):
        affinity = deployment["spec"]["template"]["spec"]["affinity"]["nodeAffinity"]
        for term in affinity["requiredDuringSchedulingIgnoredDuringExecution"]["nodeSelectorTerms"]:
            pinned = [each["values"] for each in term["matchExpressions"] if each["key"] == REGION]
            assert pinned == [[region]], deployment["metadata"]["name"]


@pytest.mark.parametrize(
    ("accelerator", "region", "resource", "engine"),
    [
        ("google-tpu-v5e", EU, "google.com/tpu", "VLLMTPU"),
        ("aws-inferentia2", US, "aws.amazon.com/neuron", "VLLMNeuron"),
        ("aws-trainium1", TRAIN, "aws.amazon.com/neuron", "VLLMNeuron"),
        ("intel-gaudi3", US, "habana.ai/gaudi", "VLLMGaudi"),
        ("amd-mi300x", US, "amd.com/gpu", None),
        ("nvidia-a100-sxm-80", MIXED, "nvidia.com/gpu", None),
    ],
)
def test_every_kind_of_chip_is_asked_for_by_its_own_resource(
    world: World, namespace: str, accelerator: str, region: str, resource: str, engine: str | None
) -> None:
    """The scheduler binds the pods, because resource name, count, affinity and tolerations are those of the chip."""
    world.apply(wish("chips", namespace, rate="0.5", placement=on(accelerator, region)))
    status = world.wait_ready(namespace, "chips")

    assert [each["accelerator"] for each in status["placements"]] == [accelerator]
    held = world.chips(namespace, "chips")
    assert list(held) == [resource]
    assert held[resource] >= 1
    assert set(world.pods_by_region(namespace, "chips")) == {region}
    (deployment,) = world.deployments(namespace, "chips")
    labels = deployment["spec"]["template"]["metadata"]["labels"]
    assert labels[names.POOL_LABEL] == status["placements"][0]["pool"]
    if engine is not None:
        assert labels[names.ENGINE_LABEL] == engine
    assert "accelerators" in rules_told(status)
    assert told_by_cli(world, namespace, "chips")["placements"] == status["placements"]


def test_a_class_of_chips_is_enough_to_say(world: World, namespace: str) -> None:
    """Only TPUs, whatever their generation: nothing else is a candidate, and the refusal names the class."""
    placement = {"accelerators": {"allow": {"classes": ["TPU"]}}}
    world.apply(wish("tpu-only", namespace, rate="0.5", placement=placement))
    status = world.wait_ready(namespace, "tpu-only")
    assert set(world.chips(namespace, "tpu-only")) == {"google.com/tpu"}
    assert "accelerators" in rules_told(status)


def test_an_external_service_takes_a_share_beside_own_replicas(world: World, namespace: str) -> None:
    """It has a Service and a share and no pod; when it is gone, own replicas take the whole load."""
    hosted = fleet.external_pool(
        name="hosted-lpu",
        endpoint="https://api.inference.example.com/openai",
        models=[SMALL_MODEL],
        region="us-central1",
        tokens_per_second=4000,
        input_price="0.01",
        output_price="0.02",
        jurisdictions=["US"],
        operator="example-inference",
    )
    world.apply(hosted)
    regions = {"regions": {"required": ["us-central1", MIXED]}, "maxRegionShare": "0.7"}
    world.apply(wish("shared", namespace, rate="12", scaling={"minReplicas": 1}, placement=regions))
    status = world.wait_ready(namespace, "shared")

    share_by_pool = {each["pool"]: float(each["share"]) for each in status["placements"]}
    assert "hosted-lpu" in share_by_pool
    assert len(share_by_pool) > 1
    assert 0.0 < share_by_pool["hosted-lpu"] <= 0.7 + 1e-3
    assert sum(share_by_pool.values()) == pytest.approx(1.0, abs=0.01)
    service_by_type = {each["spec"]["type"]: each for each in world.cluster.get("services", None, namespace)}
    assert service_by_type["ExternalName"]["spec"]["externalName"] == "api.inference.example.com"
    assert service_by_type["ExternalName"]["metadata"]["labels"][names.POOL_LABEL] == "hosted-lpu"
    assert service_by_type["ClusterIP"]["metadata"]["name"] == "shared"
    external = world.placements(namespace, "shared")["hosted-lpu"]
    assert (external["desired"], external["ready"]) == (0, 0)
    assert external["endpoint"] == "https://api.inference.example.com/openai"
    assert {each["metadata"]["labels"][names.POOL_LABEL] for each in world.pods(namespace, "shared")} == (
        share_by_pool.keys() - {"hosted-lpu"}
    )
    assert told_by_cli(world, namespace, "shared")["placements"] == status["placements"]

    world.cluster.delete("acceleratorpools", "hosted-lpu")
    world.wait(
        "own replicas take the load of the service that is gone",
        lambda: (
            "hosted-lpu" not in world.placements(namespace, "shared")
            and len(world.cluster.get("services", None, namespace)) == 1
        ),
    )
