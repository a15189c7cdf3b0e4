"""Building the programs: once, by whatever Go there is, and never half."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.lab import golang, toolchain

ROOT = Path(__file__).parents[2]
FAKE_GO = """#!/bin/sh
if [ "$1" = env ]; then echo {version}; exit 0; fi
echo "$@" >> {log}
[ -z "{failure}" ] || {{ echo "{failure}"; exit 1; }}
sleep 0.3
if [ "$1" = build ]; then
  while [ "$1" != -o ]; do shift; done
  echo built > "$2"
else
  mkdir -p "$GOBIN"; for package in "$@"; do :; done
  echo installed > "$GOBIN/$(basename "${{package%@*}}")"
fi
"""


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """Return where the stand-in for Go notes what it was asked to build."""
    return tmp_path / "log"


def install_go(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, version: str = "go1.26.9", failure: str = ""
) -> None:
    """Put a stand-in for Go first in the path and an empty cache in the environment."""
    programs = tmp_path / "bin"
    programs.mkdir(exist_ok=True)
    go = programs / "go"
    go.write_text(FAKE_GO.format(version=version, log=tmp_path / "log", failure=failure))
    go.chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")
    monkeypatch.setenv("QUARTERMASTER_CACHE", str(tmp_path / "cache"))


def test_each_program_is_built_once(
    tmp_path: Path, log: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The second call builds nothing; the first says what it does and how long that takes."""
    install_go(tmp_path, monkeypatch)
    first = toolchain.ensure()
    assert all(path.is_file() for path in first.values())
    assert "building controlplane, kwok, helm3, helm4" in capsys.readouterr().err
    assert len(log.read_text().splitlines()) == 4
    assert toolchain.ensure() == first
    assert len(log.read_text().splitlines()) == 4
    assert capsys.readouterr().err == ""


def test_another_go_builds_beside_the_old(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The Go version is part of the key."""
    install_go(tmp_path, monkeypatch)
    old = toolchain.ensure(toolchain.KWOK)[toolchain.KWOK]
    install_go(tmp_path, monkeypatch, version="go1.27.0")
    new = toolchain.ensure(toolchain.KWOK)[toolchain.KWOK]
    assert old != new
    assert old.exists()


def test_two_builders_build_once(tmp_path: Path, log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second waits for the first and then finds the program."""
    install_go(tmp_path, monkeypatch)
    command = [sys.executable, "-c", "from tests.lab import toolchain; toolchain.ensure('controlplane')"]
    builders = [subprocess.Popen(command, cwd=ROOT) for _ in range(2)]  # noqa: S603 - ourselves
    assert [builder.wait(timeout=60) for builder in builders] == [0, 0]
    assert len(log.read_text().splitlines()) == 1


def test_a_failed_build_says_what_the_compiler_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing half-built is left to be found next time."""
    install_go(tmp_path, monkeypatch, failure="undefined: everything")
    with pytest.raises(toolchain.BuildError, match="wanted to build kwok, found exit code 1:\nundefined: everything"):
        toolchain.ensure(toolchain.KWOK)
    install_go(tmp_path, monkeypatch)
    assert toolchain.ensure(toolchain.KWOK)[toolchain.KWOK].exists()


def test_a_go_that_is_too_old_is_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An old Go in the path counts as none."""
    install_go(tmp_path, monkeypatch, version="go1.25.3")
    assert golang.inspect(tmp_path / "bin" / "go") is None
    install_go(tmp_path, monkeypatch, version="go2.0")
    assert golang.inspect(tmp_path / "bin" / "go") == golang.Go(tmp_path / "bin" / "go", "go2.0")
