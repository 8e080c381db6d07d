"""On which address the pages listen: this machine's alone, unless the home has users."""

from dataclasses import replace
from pathlib import Path

import click
import pytest
from click.testing import CliRunner
from cryptography.hazmat.primitives import serialization

from biopose.cli.command_line import Commands
from biopose.errors import BioposeError
from flows.cli.exposure_options import with_exposure
from flows.cli.serve import serve
from flows.cli.up import up
from flows.serving.exposure import ON_LOOPBACK, UNENCRYPTED, Exposure
from flows.serving.programs import mlflow_server, pages_server, prefect_server
from tasks.settings import Settings
from tasks.users import Users
from tests.flows.cluster import certificate_of_this_machine

BEYOND = Exposure("0.0.0.0", names=("biopose.example", "10.0.0.7"))
PROXIED = Exposure("10.0.0.7", proxy_header="X-Remote-User", proxy_address="10.0.0.5")


@pytest.mark.parametrize("command", [serve, up])
@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--host", "0.0.0.0"), "this home has no users yet, so its pages are served to this machine alone"),
        (("--host", "10.0.0.7", "--proxy-header", "X-User"), "--proxy-header and --proxy-address belong together"),
        (("--certificate", __file__), "--certificate and --certificate-key belong together"),
    ],
)
def test_pages_are_not_shown_to_anybody(
    command: click.Command, options: tuple[str, ...], message: str, tmp_path: Path
) -> None:
    commands = Commands(commands={"it": command})
    result = CliRunner().invoke(commands, ["it", *options, "--home", str(tmp_path)])
    assert (result.exit_code, message in result.stderr) == (2, True), result.output


def test_where_every_address_is_listened_on_a_name_is_needed(tmp_path: Path) -> None:
    Users(tmp_path).add("ann", ["blue"])
    result = CliRunner().invoke(Commands(commands={"up": up}), ["up", "--host", "::", "--home", str(tmp_path)])
    assert (result.exit_code, "give --public-name" in result.stderr) == (2, True)
    BEYOND.check(Settings(home=tmp_path))


@pytest.mark.parametrize("exposure", [ON_LOOPBACK, BEYOND, PROXIED, Exposure("::1", names=("a", "b"))])
def test_up_serves_the_pages_as_it_was_asked_to_and_all_else_on_loopback(exposure: Exposure, tmp_path: Path) -> None:
    settings = Settings(home=tmp_path)
    parsed: list[Exposure] = []
    command = click.command()(click.option("--port")(with_exposure(lambda exposure, port: parsed.append(exposure))))
    arguments = pages_server(settings, exposure)[4:]
    command.main(arguments, standalone_mode=False)
    assert parsed == [exposure]
    for other in (prefect_server(4200), mlflow_server(5000)):
        assert other[other.index("--host") + 1] == "127.0.0.1"


def test_people_open_a_name_and_this_machine_its_own_address() -> None:
    assert ON_LOOPBACK.address(4300) == ON_LOOPBACK.own_address(4300) == "http://127.0.0.1:4300"
    assert (BEYOND.address(4300), BEYOND.own_address(4300)) == ("http://biopose.example:4300", "http://127.0.0.1:4300")
    assert Exposure("::", names=("fe80::1",)).own_address(1) == "http://[::1]:1"
    with_tls = Exposure("10.0.0.7", certificate=Path("c.pem"), certificate_key=Path("k.pem"))
    assert with_tls.address(4300) == "https://10.0.0.7:4300"
    named = replace(with_tls, names=("club.example",))
    assert (named.address(4300), named.own_address(4300)) == ("https://club.example:4300", "https://10.0.0.7:4300")
    for behind_a_proxy in (Exposure(names=("club.example",)), replace(PROXIED, host="::", names=("club.example",))):
        assert behind_a_proxy.address(4300) == behind_a_proxy.own_address(4300)
    assert [one.notes for one in (ON_LOOPBACK, with_tls, PROXIED, BEYOND)] == [[], [], [], [UNENCRYPTED]]
    assert (BEYOND.public_names, with_tls.public_names) == (("biopose.example", "10.0.0.7"), ("10.0.0.7",))


def test_files_of_tls_are_found_from_any_folder_and_must_be_a_certificate_with_its_key(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    parsed: list[Exposure] = []
    command = click.command()(with_exposure(lambda exposure: parsed.append(exposure)))
    certificate, key = certificate_of_this_machine(tmp_path)
    monkeypatch.chdir(tmp_path)
    command.main(["--certificate", certificate.name, "--certificate-key", key.name], standalone_mode=False)
    assert parsed[0].tls == (certificate, key)
    parsed[0].check(Settings(home=tmp_path))
    private = serialization.load_pem_private_key(key.read_bytes(), None)
    encrypted, no_pem = tmp_path / "encrypted.key", tmp_path / "no.pem"
    encryption = serialization.BestAvailableEncryption(b"secret")
    pem = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    encrypted.write_bytes(private.private_bytes(*pem, encryption))
    no_pem.write_text("no certificate")
    (tmp_path / "other").mkdir()
    _, other_key = certificate_of_this_machine(tmp_path / "other")
    for files in ((no_pem, key), (certificate, no_pem), (certificate, other_key), (certificate, encrypted)):
        with pytest.raises(BioposeError, match="the key without a password") as refused:
            Exposure(certificate=files[0], certificate_key=files[1]).check(Settings(home=tmp_path))
        assert all(str(file) in str(refused.value) for file in files)
