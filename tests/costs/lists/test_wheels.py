"""Fetching newer editions: read from wheels as data, bounded, and plain words when it fails."""

import hashlib
import lzma
import stat
import sys
import zipfile
from io import StringIO
from pathlib import Path

import genai_prices.data
import pytest
from django.core.management import CommandError, call_command

from apps.costs.management.commands import take_litellm_map
from apps.costs.services.price_book import editions
from apps.costs.services.price_book.genai import list_of, read_list
from apps.costs.services.price_book.genai_source import SourceError, read_providers
from apps.costs.services.price_book.wheels import FetchedFile, FetchError, fetch_file, read_wheel
from tests.costs.lists.samples import map_of, token_entry


def wheel(folder: Path, name: str, member: str, data: bytes) -> Path:
    path = folder / name
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(member, data)
    return path


@pytest.fixture
def pip(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A script that is run instead of this Python with pip; it says nothing and brings nothing until it is written."""
    script = tmp_path / "pip"
    script.write_text("#!/bin/sh\n")
    script.chmod(script.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setattr(sys, "executable", str(script))
    return script


def fetch(seconds: float = 30, most_bytes: int = 10_000_000) -> FetchedFile:
    return fetch_file(package="demo", member="demo/map.json", seconds=seconds, most_bytes=most_bytes)


def test_one_file_of_the_wheel_pip_brings_is_read(pip: Path, tmp_path: Path) -> None:
    made = wheel(tmp_path, "demo-1.2.3-py3-none-any.whl", "demo/map.json", b"{}")
    # The folder follows --dest.
    pip.write_text(f'#!/bin/sh\nwhile [ "$1" != --dest ]; do shift; done\ncp {made} "$2"\n')

    assert fetch() == FetchedFile("1.2.3", b"{}", hashlib.sha256(b"{}").hexdigest())


@pytest.mark.parametrize(
    "script, words",
    [
        ("echo 'ERROR: No matching distribution found for demo' >&2; exit 1",
         "pip could not fetch demo: No matching distribution found for demo."),
        ("echo \"WARNING: Retrying (…) after connection broken by 'NewConnectionError('<x>: Failed to establish a new"
         " connection: [Errno 111] Connection refused')': /simple/demo/\" >&2; echo 'ERROR: nothing' >&2; exit 1",
         "pip could not fetch demo: the package index cannot be reached ([Errno 111] Connection refused)."),
        ("echo 'ERROR: 403 at https://me:secret@index.example/simple' >&2; exit 1",
         "pip could not fetch demo: 403 at https://…@index.example/simple."),
        ("exit 3", "pip could not fetch demo: it gave no reason."),
        ("exec sleep 60", "pip did not bring demo within 0.5 seconds."),
        ("true", "pip brought 0 wheels of demo where one was expected."),
    ],
)  # fmt: skip
def test_a_failed_fetch_says_why(pip: Path, script: str, words: str) -> None:
    pip.write_text(f"#!/bin/sh\n{script}\n")

    with pytest.raises(FetchError) as raised:
        fetch(seconds=0.5 if "sleep" in script else 30)
    assert str(raised.value) == words


def test_pip_is_not_told_this_process_s_secrets(pip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET_KEY", "s")
    monkeypatch.setenv("PIP_TIMEOUT", "15")
    pip.write_text(f"#!/bin/sh\nenv > {tmp_path}/seen; exit 1\n")
    with pytest.raises(FetchError):
        fetch()

    names = {line.partition("=")[0] for line in (tmp_path / "seen").read_text().splitlines()}
    assert "PIP_TIMEOUT" in names
    assert not names & {"SECRET_KEY", "DATABASE_URL", "ALLOWED_HOSTS"}


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux limits another process's files")
def test_a_wheel_that_is_too_large_stops_the_fetch(pip: Path) -> None:
    pip.write_text(
        '#!/bin/sh\nsleep 0.2\nwhile [ "$1" != --dest ]; do shift; done\nexec dd if=/dev/zero of="$2/x.whl" bs=1000000'
        " count=3\n"
    )

    with pytest.raises(FetchError, match="larger than 1,000,000 bytes"):
        fetch(most_bytes=1_000_000)


@pytest.mark.parametrize("member, data", [("other.json", b"{}"), ("demo/map.json", None)])
def test_a_wheel_without_the_file_is_refused(tmp_path: Path, member: str, data: bytes | None) -> None:
    path = wheel(tmp_path, "demo-1-py3-none-any.whl", member, data or b"")
    if data is None:
        path.write_bytes(b"not a zip")

    with pytest.raises(FetchError, match=r"demo-1-py3-none-any.whl has no demo/map.json"):
        read_wheel(path, "demo/map.json")


def test_the_text_of_genai_prices_reads_as_its_import() -> None:
    source = Path(genai_prices.data.__file__).read_bytes()

    assert list_of(read_providers(source), version=genai_prices.__version__) == read_list()


@pytest.mark.parametrize(
    "source, words",
    [
        ("providers: list = [__import__('os').system('true')]", "makes something unknown in line 1"),
        ("providers: list = [open('/etc/passwd')]", "makes something unknown in line 1"),
        ("providers: list = [x for x in ()]", "more than a literal in line 1"),
        ("providers: list = [Provider(id='a', name='b', api_pattern='', models=[], new_field=1)]", "a shape"),
        ("providers: list = 7", "no list of providers"),
        ("providers: list = [", "a shape"),
        ("nothing = 1", "names no providers"),
    ],
)
def test_a_module_that_is_no_plain_list_is_refused(source: str, words: str) -> None:
    with pytest.raises(SourceError, match=words):
        read_providers(source.encode())


def test_the_command_takes_the_newest_map(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = map_of({"gpt": token_entry("openai", "1e-06")})
    newest = FetchedFile("2.0.0", data, hashlib.sha256(data).hexdigest())
    notice, shipped = tmp_path / "NOTICE", tmp_path / "map.xz"
    notice.write_text(editions.NOTICE.read_text())
    monkeypatch.setattr(take_litellm_map, "NOTICE", notice)
    monkeypatch.setattr(take_litellm_map, "SHIPPED_MAP", shipped)
    monkeypatch.setattr(take_litellm_map, "fetch_file", lambda **_: newest)
    call_command("take_litellm_map", stdout=StringIO())

    assert lzma.decompress(shipped.read_bytes()) == data
    assert "\nEdition: litellm 2.0.0, taken 2" in notice.read_text()
    assert f"{newest.sha256}  {len(data):,} bytes" in notice.read_text()


def test_the_command_leaves_the_shipped_map_when_the_newest_is_broken(monkeypatch: pytest.MonkeyPatch) -> None:
    before = editions.SHIPPED_MAP.read_bytes()
    monkeypatch.setattr(take_litellm_map, "fetch_file", lambda **_: FetchedFile("2.0.0", b"<html>", ""))

    with pytest.raises(CommandError, match=r"not JSON.* The shipped map is unchanged."):
        call_command("take_litellm_map")
    assert editions.SHIPPED_MAP.read_bytes() == before
