"""Where credentials come from, and when they are read again."""

import json
from pathlib import Path

import pytest
import yaml

from quartermaster.cluster import credentials
from quartermaster.cluster.credentials import Credentials, Source
from quartermaster.cluster.errors import CredentialsError
from tests.lab.cluster import Cluster
from tests.lab.identities import kubeconfig_document, write_kubeconfig


def _kubeconfig(folder: Path, cluster: dict[str, object], user: dict[str, object]) -> Source:
    path = write_kubeconfig(
        folder / "kubeconfig", kubeconfig_document({"server": "http://127.0.0.1:1", **cluster}, user)
    )
    return Source(kubeconfig=str(path))


async def test_a_missing_kubeconfig_says_what_to_do(tmp_path: Path) -> None:
    """The error names the file."""
    with pytest.raises(CredentialsError, match=r"nowhere.*give a readable kubeconfig"):
        await Credentials(Source(kubeconfig=str(tmp_path / "nowhere"))).read()


@pytest.mark.parametrize("text", ["{", "[]", "clusters: {}", "just words"])
async def test_a_broken_kubeconfig_says_so(tmp_path: Path, text: str) -> None:
    """Whatever is in the file, the error is ours and names it."""
    path = tmp_path / "broken"
    path.write_text(text)
    with pytest.raises(CredentialsError, match="broken"):
        await Credentials(Source(kubeconfig=str(path))).read()


async def test_a_missing_context_is_named(tmp_path: Path) -> None:
    """A wrong `--context` is the commonest mistake."""
    source = _kubeconfig(tmp_path, {}, {"token": "t"})
    with pytest.raises(CredentialsError, match="elsewhere"):
        await Credentials(Source(kubeconfig=source.kubeconfig, context="elsewhere")).read()


async def test_the_line_end_of_a_token_file_is_no_part_of_the_token(tmp_path: Path) -> None:
    """An HTTP header must not hold one."""
    (tmp_path / "token").write_text("secret\n")
    source = _kubeconfig(tmp_path, {}, {"tokenFile": "token"})
    assert credentials.authorization(await Credentials(source).read()) == "Bearer secret"


async def test_credentials_are_due_when_old(tmp_path: Path) -> None:
    """A kubeconfig is read again every ten minutes, by a clock that is given."""
    now = [0.0]
    found = Credentials(_kubeconfig(tmp_path, {}, {"token": "t"}), clock=lambda: now[0])
    assert found.is_due
    await found.read()
    assert not found.is_due
    now[0] = credentials.KUBECONFIG_PERIOD_SECONDS
    assert found.is_due


async def test_a_new_certificate_at_the_same_path_is_noticed(cluster: Cluster, tmp_path: Path) -> None:
    """Certificates are rotated in place."""
    authority = tmp_path / "ca.crt"
    authority.write_bytes((cluster.directory / "ca.crt").read_bytes())
    source = _kubeconfig(tmp_path, {"server": cluster.url, "certificate-authority": "ca.crt"}, {"token": "t"})
    before = credentials.transport_digest(await Credentials(source).read())
    assert before == credentials.transport_digest(await Credentials(source).read())
    authority.write_bytes(authority.read_bytes() + b"\n")
    assert before != credentials.transport_digest(await Credentials(source).read())


async def test_the_environments_proxy_is_used_and_no_proxy_minded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As every other client of Kubernetes does."""
    monkeypatch.setenv("HTTP_PROXY", "http://proxy.example:3128")
    monkeypatch.setenv("http_proxy", "http://proxy.example:3128")
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    direct = await Credentials(_kubeconfig(tmp_path, {}, {"token": "t"})).read()
    far = await Credentials(_kubeconfig(tmp_path, {"server": "http://far.example"}, {"token": "t"})).read()
    named = await Credentials(_kubeconfig(tmp_path, {"proxy-url": "http://own.example:1"}, {"token": "t"})).read()
    assert (direct.proxy, far.proxy, named.proxy) == (None, "http://proxy.example:3128", "http://own.example:1")


async def test_in_a_pod_the_service_account_is_used(
    cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its token is read from its file, each time anew."""
    address, port = cluster.url.removeprefix("https://").split(":")
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", address)
    monkeypatch.setenv("KUBERNETES_SERVICE_PORT", port)
    token = tmp_path / "token"
    token.write_text("first\n")
    source = Source(token_file=str(token), certificate_file=str(cluster.directory / "ca.crt"))
    found = Credentials(source)
    configuration = await found.read()
    assert (configuration.host, credentials.authorization(configuration)) == (cluster.url, "bearer first")
    token.write_text("second")
    assert credentials.authorization(await found.read()) == "bearer second"


async def test_several_kubeconfigs_are_merged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As `$KUBECONFIG` says; a file that is absent is passed over."""
    document = kubeconfig_document({"server": "http://127.0.0.1:7"}, {"token": "t"})
    users = {"apiVersion": "v1", "kind": "Config", "users": document.pop("users")}
    (tmp_path / "rest").write_text(json.dumps(document))
    (tmp_path / "users").write_text(yaml.safe_dump(users))
    paths = ":".join(str(tmp_path / name) for name in ("rest", "users", "absent"))
    monkeypatch.setenv("KUBECONFIG", paths)
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    configuration = await Credentials(Source()).read()
    assert (configuration.host, credentials.authorization(configuration)) == ("http://127.0.0.1:7", "Bearer t")
