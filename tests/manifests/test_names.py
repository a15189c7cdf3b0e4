"""Names of children: deterministic, unique, and allowed wherever the name of the InferenceDeployment is."""

import re

from hypothesis import given
from hypothesis import strategies as st

from quartermaster.manifests import names
from quartermaster.planner.fleet import Key, Place

DNS_LABEL = re.compile(r"^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$")
SERVICE_NAME = re.compile(r"^[a-z]([-a-z0-9]{0,61}[a-z0-9])?$")

api_names = st.from_regex(r"[a-z0-9]([-a-z0-9.]{0,61}[a-z0-9])?", fullmatch=True)


@given(api_names, api_names, api_names)
def test_every_name_is_a_dns_label(name: str, pool: str, shape: str) -> None:
    """Whatever the API allows as a name, Kubernetes allows what becomes of it."""
    key = Key("team", name)
    assert DNS_LABEL.match(names.deployment_name(key, Place(pool, shape)))
    assert DNS_LABEL.match(names.deployment_name(key, Place(pool, shape, f"{name}-a")))
    assert DNS_LABEL.match(names.disruption_budget_name(key))
    assert SERVICE_NAME.match(names.service_name(key))
    assert SERVICE_NAME.match(names.external_service_name(key, pool))


@given(st.sets(st.tuples(api_names, api_names, api_names), min_size=2, max_size=2))
def test_different_placements_have_different_names(placements: set[tuple[str, str, str]]) -> None:
    """Cutting and rewriting never make two placements one."""
    assert len({names.deployment_name(Key("team", name), Place(pool, shape)) for name, pool, shape in placements}) == 2


@given(api_names, st.sets(api_names, min_size=2, max_size=2))
def test_placements_in_different_zones_have_different_names(pool: str, zones: set[str]) -> None:
    """One Deployment for each zone of a pool, and another one where replicas may be in any."""
    places = [Place(pool, "vllm-fp8-tp4", zone) for zone in (*zones, "")]
    assert len({names.deployment_name(Key("team", "chat"), place) for place in places}) == 3


def test_a_name_stays_what_it_is() -> None:
    """Names are written into clusters: a change here would leave the old objects behind."""
    key = Key("team", "chat")
    place = Place("eu-west-1-nvidia-h200-sxm-ondemand", "vllm-fp8-tp4")
    assert names.deployment_name(key, place) == "chat-eu-west-1-nvidia-h200-sxm-ondemand-vllm-fp8-tp4-914d03cc"
    assert names.external_service_name(key, "groq-cloud") == "chat-groq-cloud-external-42727650"


def test_the_service_bears_the_name_of_the_deployment() -> None:
    """Load is sent to a name that people know; only names that a Service cannot bear are rewritten."""
    assert names.service_name(Key("team", "chat")) == "chat"
    assert names.service_name(Key("team", "7b.chat")).startswith("qm-7b-chat-")
