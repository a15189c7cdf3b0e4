"""Version ``v1alpha1`` of the API. One name per type is public here; the files beside it hold them by subject."""

from quartermaster.api.v1alpha1.acceleratorpool import AcceleratorPool as AcceleratorPool
from quartermaster.api.v1alpha1.acceleratorpool import AcceleratorPoolSpec as AcceleratorPoolSpec
from quartermaster.api.v1alpha1.acceleratorpool import ExternalService as ExternalService
from quartermaster.api.v1alpha1.inferencedeployment import InferenceDeployment as InferenceDeployment
from quartermaster.api.v1alpha1.inferencedeployment import InferenceDeploymentSpec as InferenceDeploymentSpec
from quartermaster.api.v1alpha1.modelprofile import ModelProfile as ModelProfile
from quartermaster.api.v1alpha1.modelprofile import ModelProfileSpec as ModelProfileSpec
from quartermaster.api.v1alpha1.status import Condition as Condition
from quartermaster.api.v1alpha1.status import InferenceDeploymentStatus as InferenceDeploymentStatus
