"""Names that appear on the wire: group, version, labels, annotations, field manager. Nothing else lives here."""

from typing import Final

GROUP: Final = "quartermaster.dev"
VERSION: Final = "v1alpha1"
API_VERSION: Final = f"{GROUP}/{VERSION}"

FIELD_MANAGER: Final = "quartermaster"
LOCAL_CLUSTER: Final = "local"

MANAGED_BY_LABEL: Final = "app.kubernetes.io/managed-by"
MANAGED_BY: Final = "quartermaster"

DEPLOYMENT_LABEL: Final = f"{GROUP}/inference-deployment"
"""On every child and pod: the name of the InferenceDeployment that it serves."""

POOL_LABEL: Final = f"{GROUP}/pool"
"""On every placement's Deployment and pods: the name of the pool they are pinned to."""

SHAPE_LABEL: Final = f"{GROUP}/shape"
"""On every placement's Deployment and pods: the key of the shape they run."""

ZONE_LABEL: Final = f"{GROUP}/zone"
"""On a placement's Deployment and pods, where replicas are spread over zones: the zone they are bound to."""

ENGINE_LABEL: Final = f"{GROUP}/engine"
"""On every placement's pods: the engine, so that scraping knows the dialect."""

ROLE_LABEL: Final = f"{GROUP}/role"

SERVING_PORT: Final = 8000
"""The port every engine listens on for its OpenAI API, its health and its metrics."""
