"""Doubles of model servers: small HTTP servers that behave like inference engines under load.

One process serves many addresses of fake pods. Each speaks the OpenAI interface and its engine's metrics, driven by a
queue model, so that load makes real queues. In here may live what such a double needs: the model of the replica (pure),
the engines' metrics (pure), the sockets, the faults, and the ways to drive them. Load is made in `tests.lab.load`; what
a cluster is lives elsewhere in `tests.lab`.
"""

from tests.lab.modelserver.client import ControlError, ModelServersClient
from tests.lab.modelserver.doubles import doubles
from tests.lab.modelserver.engine import FACE_BY_ENGINE, Engine, engine_named
from tests.lab.modelserver.fault import Fault
from tests.lab.modelserver.follow import Follower, follow
from tests.lab.modelserver.physics import ReplicaPhysics
from tests.lab.modelserver.podfacts import PodFacts
from tests.lab.modelserver.podwatch import ApiServer, PodWatch
from tests.lab.modelserver.process import model_servers_process
from tests.lab.modelserver.servers import Fleet, ModelServers, UnknownAddressError
from tests.lab.modelserver.state import ReplicaState

__all__ = [
    "FACE_BY_ENGINE",
    "ApiServer",
    "ControlError",
    "Engine",
    "Fault",
    "Fleet",
    "Follower",
    "ModelServers",
    "ModelServersClient",
    "PodFacts",
    "PodWatch",
    "ReplicaPhysics",
    "ReplicaState",
    "UnknownAddressError",
    "doubles",
    "engine_named",
    "follow",
    "model_servers_process",
]
