"""The command line as a whole: help, exit status, and what is said when there is no cluster or no reader."""

import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from quartermaster.cli.main import BAD_INPUT
from tests.cli.run import FLEET, WANTED, run
from tests.lab.components import free_port

COMMAND = (sys.executable, "-m", "quartermaster.cli.main")
VERBS = ("plan", "status", "snapshot", "crds")


def test_help_names_every_verb_and_what_it_answers() -> None:
    """And each verb tells what its exit status means, or what it writes."""
    ran = run("--help")
    assert ran.exit_status == 0
    assert "Exit status 0: fine; 1: the answer is no; 2: bad input" in " ".join(ran.out.split())
    for verb in VERBS:
        assert verb in ran.out
        told = " ".join(run(verb, "--help").out.split())
        assert "--kubeconfig" in told
        assert "--output" in told
        assert "Exit status 1" in told or verb == "snapshot"


@pytest.mark.parametrize("words", [(), ("explode",), ("plan", "--fleet"), ("status", "-o", "xml")], ids=" ".join)
def test_words_that_make_no_sense_are_bad_input(words: tuple[str, ...]) -> None:
    """The usage is shown on standard error."""
    ran = run(*words)
    assert (ran.exit_status, ran.out) == (BAD_INPUT, "")
    assert ran.err.startswith("usage: kubectl-quartermaster")


@pytest.mark.parametrize("words", [("plan", "-f", WANTED), ("status",), ("snapshot",), ("crds", "--check")])
def test_a_missing_kubeconfig_is_named(words: tuple[str | Path, ...], tmp_path: Path) -> None:
    """With what to do about it."""
    ran = run(*words, "--kubeconfig", tmp_path / "absent")
    assert (ran.exit_status, ran.out) == (BAD_INPUT, "")
    assert f"no such file: {tmp_path}/absent; give a readable kubeconfig" in ran.err
    assert ("plan --fleet PATH` needs no cluster" in ran.err) == (words[0] == "plan")


def test_a_cluster_that_does_not_answer_is_told(tmp_path: Path) -> None:
    """Which request failed, and what to check."""
    port = free_port("127.0.0.1", 6443)
    document = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "c",
        "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
        "clusters": [{"name": "c", "cluster": {"server": f"http://127.0.0.1:{port}"}}],
        "users": [{"name": "u", "user": {"token": "none"}}],
    }
    kubeconfig = tmp_path / "kubeconfig"
    kubeconfig.write_text(yaml.safe_dump(document), encoding="utf-8")
    ran = run("status", "--kubeconfig", kubeconfig)
    assert (ran.exit_status, ran.out) == (BAD_INPUT, "")
    assert "list /apis/quartermaster.dev/v1alpha1/inferencedeployments: no answer Unreachable" in ran.err
    assert "check --kubeconfig and --context, and that the API server is up" in ran.err
    absent = run("status", "--kubeconfig", kubeconfig, "--context", "other")
    assert absent.exit_status == BAD_INPUT
    assert "other" in absent.err


def test_a_reader_that_has_gone_is_no_error() -> None:
    """As in a pipe into ``head``: nothing is said, and nothing fails."""
    command = [*COMMAND, "plan", "--fleet", str(FLEET), "-f", str(WANTED), "-o", "json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:  # noqa: S603 - our own CLI
        if process.stdout is None or process.stderr is None:
            raise AssertionError("both outputs are pipes")
        process.stdout.close()
        complaint = process.stderr.read()
    assert (process.returncode, complaint) == (0, b"")


def test_a_pipe_may_feed_it() -> None:
    """What kubectl prints goes in at standard input."""
    command = [*COMMAND, "plan", "--fleet", str(FLEET), "-f", "-", "-o", "json"]
    text = WANTED.read_text(encoding="utf-8")
    done = subprocess.run(command, input=text, capture_output=True, text=True, check=False)  # noqa: S603 - our own CLI
    assert (done.returncode, done.stderr) == (1, "")
    assert '"kind": "Plan"' in done.stdout
