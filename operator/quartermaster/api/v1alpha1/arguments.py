"""Strings that reach the serving container: arguments, images, sources of weights, variables. Types and their rules."""

import json
from typing import Annotated, ClassVar, Final

from pydantic import StringConstraints

from quartermaster.api.rule import SELF, Rule, pattern
from quartermaster.api.v1alpha1.base import ApiModel, Name

OWN_FLAGS: Final = (
    # where it listens, and what it says that it serves
    "--host",
    "--port",
    "--model",
    "--model-path",
    "--served-model-name",
    # how many chips a replica takes: the plan counted them
    "--tensor-parallel-size",
    "--tp-size",
    "--tp",
    "-tp",
    "--pipeline-parallel-size",
    "--pp-size",
    "--pp",
    "-pp",
    "--data-parallel-size",
    "--dp-size",
    "--dp",
    "-dp",
    "--enable-dp-attention",
    "--expert-parallel-size",
    "--enable-expert-parallel",
    "--enable-ep-moe",
    "--ep-size",
    "--ep",
    "-ep",
    "--nnodes",
    # how much memory a request may take: the plan fitted it
    "--max-model-len",
    "--context-length",
    "--max-seq-len",
    # whether it can be scraped
    "--enable-metrics",
    "--disable-log-stats",
    "--ssl-keyfile",
    "--ssl-certfile",
)
"""Flags that Quartermaster writes or whose absence it relies on; underscores and hyphens are the same to engines."""

CHIP_VARIABLES: Final = (
    "NVIDIA_VISIBLE_DEVICES",
    "CUDA_VISIBLE_DEVICES",
    "ROCR_VISIBLE_DEVICES",
    "HIP_VISIBLE_DEVICES",
    "HABANA_VISIBLE_DEVICES",
    "ASCEND_VISIBLE_DEVICES",
    "ASCEND_RT_VISIBLE_DEVICES",
    "NEURON_RT_VISIBLE_CORES",
    "TPU_VISIBLE_CHIPS",
    "TPU_VISIBLE_DEVICES",
)
"""Variables by which a container could take chips that the device plugin did not grant."""

Argument = Annotated[
    str,
    StringConstraints(min_length=1, max_length=512),
    Rule(
        cel=f"!(self.split('=')[0].replace('_', '-') in {json.dumps(OWN_FLAGS)})",
        wanted="no argument in args that Quartermaster writes or relies on itself",
        remedy=(
            "remove it; the parallelisms of a shape and maxContextTokens set chips and context, and address, model "
            "name and metrics belong to the operator"
        ),
        holds=lambda argument: argument.split("=")[0].replace("_", "-") not in OWN_FLAGS,
        found=(SELF,),
    ),
]

Image = Annotated[
    str,
    StringConstraints(min_length=1, max_length=512),
    pattern(
        "^[a-zA-Z0-9][a-zA-Z0-9._/:@-]*$",
        wanted="a container image reference",
        remedy="write [registry/]repository[:tag][@digest], without a scheme such as https://",
    ),
]

Source = Annotated[
    str,
    StringConstraints(min_length=1, max_length=512),
    pattern(
        "^(hf://[A-Za-z0-9][A-Za-z0-9._-]*/[A-Za-z0-9][A-Za-z0-9._-]*(@[A-Za-z0-9][A-Za-z0-9._/-]*)?"
        "|(oci|s3|gs)://[A-Za-z0-9][A-Za-z0-9._:@/-]*"
        "|pvc://[a-z0-9]([-a-z0-9.]*[a-z0-9])?(/[A-Za-z0-9._/-]*)?)$",
        wanted="the place of the weights",
        remedy=(
            "write hf://owner/repository[@revision], oci://registry/repository[:tag], s3://bucket/path, "
            "gs://bucket/path or pvc://claim[/path]"
        ),
    ),
    Rule(
        cel="!self.contains('..')",
        wanted="the place of the weights without '..'",
        remedy="write the path from the root of the bucket or claim",
        holds=lambda source: ".." not in source,
        found=(SELF,),
    ),
]

VariableName = Annotated[
    str,
    StringConstraints(min_length=1, max_length=128),
    pattern(
        "^[A-Za-z_][A-Za-z0-9_]*$",
        wanted="the name of a variable",
        remedy="write letters, digits and '_', and begin with a letter, such as HF_TOKEN",
    ),
    Rule(
        cel=f"!(self in {json.dumps(CHIP_VARIABLES)})",
        wanted="no variable that shows a container chips which it was not granted",
        remedy="remove it; the device plugin sets it for the chips that the replica holds",
        holds=lambda name: name not in CHIP_VARIABLES,
        found=(SELF,),
    ),
]

SecretKey = Annotated[
    str,
    StringConstraints(min_length=1, max_length=253),
    pattern(
        "^[-._a-zA-Z0-9]+$",
        wanted="a key of a Secret",
        remedy="write letters, digits, '-', '_' and '.' only",
    ),
]


class EnvironmentVariable(ApiModel):
    """A variable of the serving container: a value, or a key of a Secret."""

    name: VariableName
    """Name of the variable."""
    value: Annotated[str, StringConstraints(max_length=4096)] | None = None
    """Its value."""
    secret_name: Name | None = None
    """Secret that holds the value, in the deployment's namespace."""
    secret_key: SecretKey | None = None
    """Key inside the Secret."""

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            cel="has(self.secretName) == has(self.secretKey)",
            wanted="secretName and secretKey together",
            remedy="set both, to read one key of one Secret, or neither",
            holds=lambda variable: (variable.secret_name is None) == (variable.secret_key is None),
            field="secretName",
        ),
        Rule(
            cel="has(self.value) != (has(self.secretName) || has(self.secretKey))",
            wanted="either value, or secretName with secretKey",
            remedy="keep one of them: value for what anybody may read, the Secret for the rest",
            holds=lambda variable: (
                (variable.value is not None) != (variable.secret_name is not None or variable.secret_key is not None)
            ),
            field="value",
        ),
    )
