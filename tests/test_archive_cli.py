# ruff: noqa: F811 - fixtures are imported and named as arguments
"""`sohoa archive …` and what `sohoa doctor` says of stores, as a person meets them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import flows.doctor as doctor
from cli.home import make_home
from cli.main import main
from flows.doctor import Result
from schemas.settings import Settings, load_settings
from storage.objects import open_archive
from tests.s3_proxy import boasting, no_conditions, no_lock, proxied
from tests.s3_server import S3Server, s3_keys, s3_server, s3_url  # noqa: F401 - fixtures


@pytest.fixture
def home(tmp_path: Path) -> Path:
    make_home(tmp_path / "nha")
    return tmp_path / "nha"


@pytest.fixture
def run(home: Path, capsys: pytest.CaptureFixture):
    def call(*arguments: str) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as left:
            main([*arguments, "--home", str(home)])
        said = capsys.readouterr()
        return left.value.code, said.out, said.err

    return call


def with_replicas(home: Path, tmp_path: Path) -> None:
    places = ", ".join(
        f'{{ label = "{label}", url = "{(tmp_path / label).as_uri()}", medium = "đĩa {label}", offline = {offline} }}'
        for label, offline in (("dia-1", "false"), ("dia-2", "true"))
    )
    path = home / "sohoa.toml"
    path.write_text(path.read_text("utf-8").replace("# places = []", f"places = [{places}]"), "utf-8")


def test_without_replicas_it_says_what_to_do(run) -> None:
    code, out, _ = run("archive", "copy")
    assert code == 1 and "[replicas]" in out
    code, out, _ = run("archive", "places")
    assert code == 1 and "CHƯA ĐỦ bộ sao lưu" in out and "kho chính" in out


def test_copy_and_places(run, home: Path, tmp_path: Path) -> None:
    with_replicas(home, tmp_path)
    open_archive(load_settings(home)).put("issued/k", b"x" * 2000)
    code, out, _ = run("archive", "copy")
    assert code == 0 and "dia-1: chép và kiểm tra 1 tệp (2,0 KB)" in out
    code, out, _ = run("archive", "copy", "dia-1", "--json")
    (told,) = json.loads(out)
    assert code == 0 and (told["place"], told["copied"], told["already"], told["error"]) == (
        "dia-1",
        0,
        1,
        None,
    )
    code, out, _ = run("archive", "places", "--json")
    report = json.loads(out)
    assert code == 0 and report["enough"] and [place["objects"] for place in report["places"]] == [1, 1, 1]
    code, out, _ = run("archive", "places")
    assert code == 0 and "ngoại tuyến" in out and "TT 05/2025/TT-BNV" in out
    (tmp_path / "dia-2").rename(tmp_path / "rut-ra")
    code, out, _ = run("archive", "copy")
    assert code == 0 and "chưa cắm" in out
    (tmp_path / "dia-1").rename(tmp_path / "hong")
    code, out, err = run("archive", "copy")
    assert code == 1 and "Không truy cập được kho lưu trữ" in err
    code, _, err = run("archive", "copy", "khong-co")
    assert code in (2, 3) and "khong-co" in err


def test_move_to_s3_and_back(run, home: Path, s3_url: str, s3_keys: S3Server) -> None:
    ref = open_archive(load_settings(home)).put("issued/k", b"x")
    code, out, err = run("archive", "move", "--to", s3_url)
    assert code == 0 and "Đã chép và kiểm tra 1 tệp" in out and "store_url" in out
    assert s3_keys.secret_key not in out + err
    assert open_archive(load_settings(home)).get("issued/k", ref.version) == b"x"
    code, out, _ = run("archive", "move", "--to", (home / "store").as_uri(), "--from", s3_url, "--json")
    assert code == 0 and json.loads(out)["switched"]
    code, _, err = run("archive", "move", "--to", s3_url, "--from", s3_url)
    assert code == 2 and "--from" in err


def test_an_address_with_a_key_is_refused_without_repeating_it(run) -> None:
    keys = "AK:SK-secret"
    code, out, err = run("archive", "move", "--to", f"s3://{keys}@bucket/x?endpoint=https://host")
    assert code == 3 and "SK-secret" not in out + err


class TestDoctor:
    def check(self, settings: Settings):
        return doctor._store(settings, "store", "Kho lưu trữ")

    def test_a_real_server(self, home: Path, s3_url: str) -> None:
        finding = self.check(Settings(home=home, store_url=s3_url))
        assert finding.result is Result.OK and "máy chủ giữ khoá" in finding.found
        assert (home / "store-proof.json").exists()

    def test_servers_that_lie(self, home: Path, s3_keys: S3Server) -> None:
        for number, behaviour in enumerate((no_lock, boasting({}))):
            with proxied(s3_keys) as proxy:
                proxy.behave = behaviour
                finding = self.check(Settings(home=home, store_url=proxy.url(f"d{number}")))
                assert finding.result is Result.FAILED
                assert "không cho xoá khi còn thời hạn" in finding.found and "Object Lock" in finding.advice

    def test_a_server_without_conditions_is_a_warning(self, home: Path, s3_keys: S3Server) -> None:
        with proxied(s3_keys) as proxy:
            proxy.behave = no_conditions
            finding = self.check(Settings(home=home, store_url=proxy.url("w")))
            assert finding.result is Result.WARNING and "If-None-Match" in finding.found

    def test_replicas(self, home: Path, tmp_path: Path) -> None:
        none = doctor._replicas(Settings(home=home), "replicas", "Kho bản sao")
        assert none.result is Result.WARNING and "[replicas]" in none.advice
        with_replicas(home, tmp_path)
        away = doctor._replicas(load_settings(home), "replicas", "Kho bản sao")
        assert away.result is Result.WARNING and "dia-1" in away.advice and "dia-2" not in away.advice
