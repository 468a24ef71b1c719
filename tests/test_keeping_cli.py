"""Keeping, packages and backups as a person types them, in one process."""

from __future__ import annotations

import importlib
import json
import shutil

import pytest
import sqlalchemy as sa
import yaml

from cli.main import main
from flows import prefect_keeping
from flows.fixity import open_keeping
from schemas.people_errors import AuditBroken
from schemas.settings import load_settings
from tests.made_archive import archived, bytes_of, damage
from tests.sohoa_command import ROOT, small_office

DEPLOYMENTS = yaml.safe_load((ROOT / "prefect.yaml").read_text("utf-8"))["deployments"]


@pytest.fixture
def office(tmp_path, monkeypatch, capsys):
    """A home with two archived records; `office(*words)` gives exit code and what was said."""
    monkeypatch.chdir(tmp_path)
    home = small_office(tmp_path / "sohoa-data")
    with open_keeping(load_settings(home)) as archive:
        rows = [archived(archive, name) for name in ("một", "hai")]
    monkeypatch.setenv("SOHOA_USER", "lan")

    def typed(*words: object) -> tuple[int, str]:
        capsys.readouterr()
        with pytest.raises(SystemExit) as left:
            main([str(word) for word in words])
        said = capsys.readouterr()
        assert "Traceback" not in said.err
        return left.value.code, said.out + said.err

    typed.ids, typed.home, typed.rows = [row.id for row in rows], home, rows
    return typed


def test_a_year_of_keeping(office):
    code, said = office("preserve", "sanity")
    assert code == 1 and "retention_missing" in said
    code, said = office("preserve", "terms")
    assert code == 0 and "vinh-vien" in said
    code, said = office("preserve", "sanity", "--json")
    assert code == 0 and json.loads(said)["findings"] == []
    code, said = office("preserve", "fixity")
    assert code == 0 and "nguyên vẹn" in said
    with open_keeping(load_settings(office.home)) as archive:
        damage(archive.at("primary"), office.rows[0].archive.sha256)
    code, said = office("preserve", "fixity", "--all")
    assert code == 1 and "CHƯA PHỤC HỒI ĐƯỢC" in said and office.rows[0].archive.key in said.replace("\n", "")
    (keeping,) = [check for check in json.loads(office("doctor", "--json")[1])["checks"] if check["code"] == "keeping"]
    assert keeping["result"] == "warning" and "1 tệp hỏng" in keeping["found"]
    report = json.loads(office("preserve", "fixity", "--all", "--json")[1])
    assert report["damaged"] == 1 and report["healed"] == 0
    code, said = office("preserve", "handover")
    assert code == 0 and "Chưa có" in said
    assert office("preserve", "handover", office.ids[0], "--minutes", "BB 01")[0] == 0


def test_holds_and_disposal(office):
    office("preserve", "terms")
    code, said = office("preserve", "hold", office.ids[0], "--reason", "toà án")
    assert code == 0 and office.ids[0] in said
    (held,) = json.loads(office("preserve", "hold", "--json")[1])
    assert office("preserve", "hold", office.ids[0])[0] == 2
    assert office("preserve", "dispose", "due")[0] == 0
    code, said = office("preserve", "dispose", "propose", office.ids[0], "--reason", "x")
    assert code == 2 and "on_hold" in said
    assert office("preserve", "release", held["id"], "--reason", "xong")[0] == 0
    code, said = office("preserve", "dispose", "propose", "--reason", "x")
    assert code == 2 and "not_due_for_disposal" in said
    assert office("preserve", "class", office.ids[1], "10-nam", "--reason", "QĐ 5")[0] == 0
    assert office("preserve", "class", office.ids[1], "mãi", "--reason", "QĐ 5")[0] == 2
    assert office("preserve", "dispose", "list")[0] == 0
    assert office("preserve", "dispose", "run", "L-NOTHING")[0] == 2


def test_destroyed_data_folder(office, tmp_path):
    code, said = office("backup", "--to", "sao-luu")
    assert code == 0 and "1 bản" in said
    assert office("backup", "--to", "sao-luu", "--full", "--keep", "1", "--json")[0] == 0
    shutil.rmtree(office.home)
    code, said = office("restore", "sao-luu", "--home", office.home)
    assert code == 0 and "khớp nhau" in said
    with open_keeping(load_settings(office.home)) as archive:
        assert archive.store.get(office.rows[0].archive.key) == bytes_of("một pdf")
    assert office("restore", "sao-luu", "--home", office.home)[0] == 2
    assert office("restore", "khong-co", "--home", "khac")[0] == 3
    assert office("backup", "--to", office.home / "x")[0] == 2


def test_packages(office, tmp_path):
    code, said = office("package", "make", *office.ids, "--kind", "sip", "--to", "goi", "--zip")
    assert code == 0
    (path,) = (tmp_path / "goi").iterdir()
    code, said = office("package", "check", path)
    assert code == 0 and "hợp lệ" in said
    assert office("package", "make", office.ids[0], "--kind", "dip", "--to", "doc")[0] == 0
    code, said = office("package", "check", *(tmp_path / "doc").iterdir())
    assert code == 0 and "DIP" in said and "1 hồ sơ" in said
    other = small_office(tmp_path / "khac")
    code, said = office("package", "import", path, "--home", other)
    assert code == 0 and "Đã nhập 2" in said
    assert "đã có sẵn 2" in office("package", "import", path, "--home", other)[1]
    assert office("package", "make", office.ids[0], "--kind", "xyz")[0] == 2
    assert office("package", "make", "--dossier", "H26.12-1-1")[0] == 2
    path.write_bytes(path.read_bytes()[:-9])
    assert office("package", "check", path)[0] == 3


def test_the_scheduled_flows_of_keeping(office, monkeypatch):
    """Without a server: what they do and tell."""
    told = {}
    monkeypatch.setattr(prefect_keeping, "create_table_artifact", lambda rows, **more: told.update(rows=rows))
    assert prefect_keeping.sanity_flow.fn(str(office.home)) == {"retention_missing": 2}
    report = prefect_keeping.fixity_flow.fn(str(office.home))
    assert report["objects"] == 4 and "findings" not in report
    assert {"Số liệu": "Đã kiểm tra", "Giá trị": 4} in told["rows"]
    assert prefect_keeping.sanity_flow.fn(str(office.home)) == {}, "fixity puts the locks on first"
    key = prefect_keeping.seal_flow.fn(str(office.home))
    assert key.startswith("audit/seals/") and {"Số liệu": "Ngày chưa niêm phong", "Giá trị": 0} in told["rows"]
    with open_keeping(load_settings(office.home)) as archive:
        assert archive.store.exists(key)
        with archive.catalogue.write() as connection:
            connection.execute(sa.text("DROP TRIGGER audit_log_no_update"))
            connection.execute(sa.text("UPDATE audit_log SET who = 'x' WHERE seq = (SELECT max(seq) FROM audit_log)"))
    with pytest.raises(AuditBroken):
        prefect_keeping.seal_flow.fn(str(office.home))


@pytest.mark.parametrize("entry", DEPLOYMENTS, ids=lambda entry: entry["name"])
def test_each_deployment_leads_to_a_flow(entry):
    from prefect.server.schemas.schedules import CronSchedule

    module, _, name = entry["entrypoint"].partition(":")
    flow = getattr(importlib.import_module(module.removesuffix(".py").replace("/", ".")), name)
    at_the_call = {"paths": []} if entry["name"] == "on-demand" else {}
    flow.validate_parameters(entry["parameters"] | at_the_call)
    assert (ROOT / module).is_file() and entry["description"]
    assert bool(entry.get("schedules")) is (entry["name"] not in ("on-demand", "watch-folder"))
    for schedule in entry.get("schedules", ()):
        assert schedule["timezone"] == "Asia/Ho_Chi_Minh"
        CronSchedule(**schedule)


def test_the_seal_is_made_every_day_and_fixity_every_night():
    crons = {entry["name"]: entry["schedules"][0]["cron"].split() for entry in DEPLOYMENTS if "schedules" in entry}
    assert crons["seal"][2:] == crons["fixity"][2:] == ["*", "*", "*"]
    assert {"seal", "fixity", "sanity", "report-month", "report-quarter", "report-year"} == set(crons)
