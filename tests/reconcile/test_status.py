"""The status of a deployment as a document: bounded, whatever is planned."""

from dataclasses import replace

from quartermaster.api.v1alpha1.enums import EngineName, Precision
from quartermaster.api.v1alpha1.status import MOST_PLACEMENTS
from quartermaster.planner.candidate import Candidate, Throughput
from quartermaster.planner.fleet import Demand, Shape, Source, Workload
from quartermaster.planner.plan import Placement
from quartermaster.reconcile import judgement
from quartermaster.reconcile.judgement import Seen
from quartermaster.reconcile.outcome import Decision
from quartermaster.reconcile.status import status
from tests.planner.builders import workload
from tests.reconcile.world import START

RATE = Throughput(1.0, 200.0, 0.1, 0.01, 8, 10_000, Source.ESTIMATED)
ASKED = workload("chat")


def placement(number: int, replicas: int, chip: str = "nvidia-h100-sxm") -> Placement:
    """Return replicas in a zone of their own."""
    shape = Shape(EngineName.VLLM, Precision.BF16, 1)
    candidate = Candidate(ASKED.key, "pool", "local", "us-east-1", chip, shape, RATE, 1.0)
    return Placement(candidate, replicas, f"zone-{number:03}")


def seen(asked: Workload, *placements: Placement) -> Seen:
    """Return what is judged of a deployment of which every planned replica is ready."""
    ready = {one.place: one.replicas for one in placements}
    return Seen(
        asked, placements, None, None, ready, ready, {}, frozenset({"pool"}), "", "", is_externally_scaled=False
    )


def test_of_more_placements_than_a_status_holds_the_largest_are_told() -> None:
    """In the order of the plan; sums, replicas and accelerators are of all."""
    placements = [placement(number, 2) for number in range(MOST_PLACEMENTS + 2)]
    placements[3:5] = [placement(3, 1, "nvidia-l4"), placement(4, 1)]
    told = status(
        seen(ASKED, *placements),
        Decision("abc", START, "cheapest", Demand(1.0, 100.0, 100.0), 0.0, 0.0),
        conditions=(),
        pools_by_name={},
        rejections=(),
        generation=1,
    )
    assert [row.zone for row in told.placements] == [one.zone for one in placements if one.replicas == 2]
    assert told.replicas == told.ready_replicas == 2 * MOST_PLACEMENTS + 2
    assert told.accelerators == "nvidia-h100-sxm, nvidia-l4"
    assert told.capacity is not None
    assert float(told.capacity.requests_per_second) == 2 * MOST_PLACEMENTS + 2


def test_a_message_of_many_placements_is_cut() -> None:
    """A condition's message has an end, and says what there is room for."""
    many = seen(ASKED, *(placement(number, 2) for number in range(200)))
    verdicts = [judge(many) for judge in judgement.JUDGES]
    made = judgement.conditions(verdicts, (), generation=1, now=START)
    assert max(len(one.message) for one in made) <= 1024
    (placed,) = [one for one in made if one.type == "Placed"]
    assert placed.message.startswith("2 × nvidia-h100-sxm in pool pool (zone-000); 2 × ")


def test_a_replica_is_counted_ready_in_the_zone_where_it_is() -> None:
    """One too many in a zone is none too few in another."""
    where = seen(ASKED, placement(0, 1), placement(1, 2))
    astray = replace(where, ready_by_placement={placement(0, 1).place: 3})
    verdict = judgement.ready(astray)
    assert (verdict.status, verdict.message) == ("False", "1 of 3 replicas are ready")
