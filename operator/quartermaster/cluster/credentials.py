"""Where a cluster is and how to speak to it: a kubeconfig and context, or the pod's own service account.

Reading is left to `kubernetes.aio.config`; here it is only chosen, mended and dated. No request is sent from here.
"""

import hashlib
import os
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import Any
from urllib.parse import urlsplit

import yaml
from kubernetes.aio.client.configuration import Configuration
from kubernetes.aio.config import ConfigException, load_kube_config
from kubernetes.aio.config.incluster_config import (
    SERVICE_CERT_FILENAME,
    SERVICE_HOST_ENV_NAME,
    SERVICE_TOKEN_FILENAME,
    InClusterConfigLoader,
)

from quartermaster.cluster.errors import CredentialsError

# The kubelet renews a projected token at 80 % of its life, at the latest after a day; a minute is what client-go uses.
IN_CLUSTER_PERIOD_SECONDS = 60.0
# A kubeconfig changes seldom, and may run a program for its token; a 401 makes it read at once anyway.
KUBECONFIG_PERIOD_SECONDS = 600.0


@dataclass(frozen=True, slots=True)
class Source:
    """Where credentials come from.

    With `kubeconfig` unset: the service account of the pod if there is one, else `$KUBECONFIG`, else
    `~/.kube/config`. The file names of the service account are fields for the sake of the laboratory, where the
    operator runs as a local process.
    """

    kubeconfig: str | None = None
    context: str | None = None
    token_file: str = SERVICE_TOKEN_FILENAME
    certificate_file: str = SERVICE_CERT_FILENAME

    @property
    def is_in_cluster(self) -> bool:
        """Whether the pod's service account is used."""
        return self.kubeconfig is None and self.context is None and bool(os.environ.get(SERVICE_HOST_ENV_NAME))


class Credentials:
    """A configuration that is read again once it is old, or when it was refused."""

    def __init__(self, source: Source, *, clock: Callable[[], float] = monotonic) -> None:
        """Nothing is read yet; `clock` gives monotonic seconds."""
        self._source = source
        self._clock = clock
        self._read_at_seconds: float | None = None
        self._period_seconds = IN_CLUSTER_PERIOD_SECONDS if source.is_in_cluster else KUBECONFIG_PERIOD_SECONDS

    @property
    def is_due(self) -> bool:
        """Whether they were never read, or so long ago that they may have been rotated."""
        return self._read_at_seconds is None or self._clock() - self._read_at_seconds >= self._period_seconds

    async def read(self) -> Configuration:
        """Read them now.

        Raises:
            CredentialsError: the file is missing, unreadable, or lacks what it must have.
        """
        # A failed reading counts, too: what was read before may still be good for a while.
        self._read_at_seconds = self._clock()
        configuration = Configuration()
        try:
            if self._source.is_in_cluster:
                InClusterConfigLoader(  # type: ignore[no-untyped-call]  # kubernetes.aio ships no types
                    token_filename=self._source.token_file,
                    cert_filename=self._source.certificate_file,
                    try_refresh_token=False,
                ).load_and_set(configuration)
            else:
                await load_kube_config(  # type: ignore[no-untyped-call]  # as above
                    config_file=self._file(),
                    context=self._source.context,
                    client_configuration=configuration,
                    persist_config=False,
                )
        except (ConfigException, OSError, yaml.YAMLError, ValueError, TypeError, KeyError) as error:
            message = (
                f"wanted credentials from {self._origin()}, found {type(error).__name__}: {error}; "
                "give a readable kubeconfig and an existing context, or run in a pod with a service account"
            )
            raise CredentialsError(message) from error
        _mend(configuration)
        return configuration

    def _file(self) -> str:
        """The kubeconfig to read, or several, separated as `$KUBECONFIG` separates them."""
        named = self._source.kubeconfig or os.environ.get("KUBECONFIG") or str(Path.home() / ".kube" / "config")
        paths = [str(Path(path).expanduser()) for path in named.split(os.pathsep) if path]
        if not any(Path(path).is_file() for path in paths):
            raise FileNotFoundError(f"no such file: {named}")
        return os.pathsep.join(paths)

    def _origin(self) -> str:
        if self._source.is_in_cluster:
            return f"the service account at {self._source.token_file}"
        return f"the kubeconfig {self._source.kubeconfig or '$KUBECONFIG or ~/.kube/config'}"


def authorization(configuration: Configuration) -> str | None:
    """The value of the `Authorization` header; None where client certificates do the work."""
    return configuration.api_key.get("BearerToken") or None


def transport_digest(configuration: Configuration) -> str:
    """What, when it changes, asks for a new connection: address, certificates and keys, by content."""
    digest = hashlib.sha256()
    for part in (configuration.host, configuration.verify_ssl, configuration.tls_server_name, configuration.proxy):
        digest.update(f"{part}\0".encode())
    for path in (configuration.ssl_ca_cert, configuration.cert_file, configuration.key_file):
        digest.update(Path(path).read_bytes() if path else b"\0")
    return digest.hexdigest()


def _mend(configuration: Configuration) -> None:
    """Mend what the loaders leave: the line end of a token file, and proxies named in the environment.

    aiohttp could look the proxy up by itself, but then it also reads `~/.netrc`, in a thread, at every request.
    """
    token = authorization(configuration)
    if token is not None:
        configuration.api_key["BearerToken"] = token.strip()
    settings: dict[str, Any] = {"trust_env": False}
    configuration.client_session_kwargs = settings
    if configuration.proxy is None:
        configuration.proxy = _proxy_of(configuration.host, urllib.request.getproxies())


def _proxy_of(host: str, proxies: Mapping[str, str]) -> str | None:
    """The proxy that the environment names for an address, minding `NO_PROXY`."""
    address = urlsplit(host)
    if address.hostname is None or urllib.request.proxy_bypass(address.hostname):
        return None
    return proxies.get(address.scheme) or None
