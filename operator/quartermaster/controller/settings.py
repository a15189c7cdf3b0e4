"""All settings of the process: one frozen object, read once from the environment. Nothing else reads that."""

import difflib
import os
import socket
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Final

PREFIX: Final = "QUARTERMASTER_"
_MISSPELT: Final = 0.85
"""Likeness from which on a name is taken for a misspelt setting; other programs may use the prefix too."""


class SettingsError(ValueError):
    """A setting that cannot be used. The text says what was wanted, what was found, and what to do."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What a person may set; each field is the environment variable ``QUARTERMASTER_`` and its name in capitals."""

    kubeconfig: str = ""
    """Path of a kubeconfig; empty: the pod's ServiceAccount, else $KUBECONFIG, else ~/.kube/config."""
    probe_address: str = "0.0.0.0:8080"
    """Host and port of /healthz, /readyz and /metrics."""
    lease_namespace: str = "quartermaster-system"
    """Namespace of the Lease by which one process of several writes."""
    lease_name: str = "quartermaster"
    """Name of the Lease."""
    identity: str = ""
    """Name of this process in the Lease; host name and process id when empty."""
    plan_seconds: float = 60.0
    """Slow period: how often a plan is made anew when nothing else asks for one."""
    solve_seconds: float = 10.0
    """How long a plan is sought: after that the best one found is taken, with the bound that is proven by then."""
    scale_seconds: float = 2.0
    """Fast period: how often engines are scraped and capacity is looked at."""
    debounce_seconds: float = 0.05
    """How long changes are gathered before a decision."""
    profiles: str = "Propose"
    """Propose: ModelProfiles are proposed and updated from what replicas show. Off: none is written."""
    log_level: str = "INFO"
    """DEBUG, INFO, WARNING or ERROR."""

    def __post_init__(self) -> None:
        """Refuse values that cannot work."""
        for name in ("plan_seconds", "solve_seconds", "scale_seconds"):
            if getattr(self, name) <= 0:
                raise SettingsError(f"{_variable(name)}: wanted seconds above 0, found {getattr(self, name)}: raise it")
        if self.log_level not in {"DEBUG", "INFO", "WARNING", "ERROR"}:
            raise SettingsError(
                f"{_variable('log_level')}: wanted DEBUG, INFO, WARNING or ERROR, found {self.log_level!r}: use one"
            )
        if self.profiles not in {"Propose", "Off"}:
            raise SettingsError(f"{_variable('profiles')}: wanted Propose or Off, found {self.profiles!r}: use one")
        host, _, port = self.probe_address.rpartition(":")
        if not host or not port.isdigit():
            raise SettingsError(
                f"{_variable('probe_address')}: wanted host:port, found {self.probe_address!r}: write 0.0.0.0:8080, say"
            )

    @property
    def process_name(self) -> str:
        """Name of this process in the Lease and in events."""
        return self.identity or f"{socket.gethostname()}-{os.getpid()}"


def _variable(name: str) -> str:
    return PREFIX + name.upper()


def from_environment(environment: Mapping[str, str]) -> Settings:
    """Return the settings that the environment states; the others have their defaults.

    Raises:
        SettingsError: when a value cannot be used, or a variable is a misspelt setting.
    """
    known = {_variable(field.name): field for field in fields(Settings)}
    values: dict[str, str | float] = {}
    for variable, text in environment.items():
        if not variable.startswith(PREFIX):
            continue
        if variable not in known:
            meant = difflib.get_close_matches(variable, sorted(known), n=1, cutoff=_MISSPELT)
            if meant:
                raise SettingsError(f"{variable}: wanted a setting, found none of this name: did you mean {meant[0]}?")
            continue
        field = known[variable]
        if field.type in {"float", float}:
            try:
                values[field.name] = float(text)
            except ValueError:
                raise SettingsError(f"{variable}: wanted a number of seconds, found {text!r}: correct it") from None
        else:
            values[field.name] = text
    return Settings(**values)  # type: ignore[arg-type]  # each value was converted to its field's type above
