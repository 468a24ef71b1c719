"""What signing, verifying and certifying cost, against the table of the requirements (docs/benchmarks-signing.md).

    python -m bench.signing MODE WORK …      a process that is measured by itself; prints one JSON line

Seconds of CPU where one process works (they hold on a busy machine too), wall time where the target is a rate. Both
signatures ask for B-LTA, as `flows.sign_batch` does by default: two signatures, two timestamps over signatures, two over
the file. Every file that is counted is verified or checked for its level by the code that made it.
"""

from __future__ import annotations

import json
import os
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from datetime import datetime, timedelta
from multiprocessing import get_context
from pathlib import Path

from bench.report_rows import Result, Row, table
from bench.signing_batch import do_batch
from bench.signing_files import (
    authority,
    cpu_of,
    cpu_of_children,
    idle_seconds,
    large_scan,
    scan_pdf,
    stop_forkserver,
)
from schemas.signing import (
    DelegationKind,
    DelegationRecord,
    Level,
    Product,
    Role,
    SignatureRequest,
    SigningSettings,
    Verdict,
)

ROLES = (Role.SCANNER, Role.AGENCY)
SCAN_BYTES = 1_000_000
LARGE_BYTES = 200_000_000
MEGABYTE = 1_000_000
_OPERATOR = "Lê Thị Văn Thư"


def measure(work: Path, *, files: int, rounds: int, processes: int, large: int = LARGE_BYTES) -> Result:
    """The whole table. `files` go into one call of verify; `large`: bytes of the large scan."""
    folder = work / "signing"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    (folder / "scan.pdf").write_bytes(scan_pdf(2, SCAN_BYTES))
    rows = [*_one_file(folder, rounds), *_many_files(folder, files, processes)]
    rows += [_certified(folder), *_large(folder, large)]
    method = [
        f"One made scan of two pages, {(folder / 'scan.pdf').stat().st_size:,} bytes as searchable PDF/A-2b; demo PKI, RSA-2048 "
        "software keys, visible Vietnamese signatures, mark of conversion, test mark on every page. Medians of "
        f"{rounds} rounds after one that warms up. The timestamp authority runs in a process of its own on the same "
        "cores; its work counts in the rates. The certified copy is made from four scanned pages: capture, reading, "
        "PDF/A, attestation, number, two signatures, verification, archive, register. Memory is the high-water mark of "
        "a process that prepares and signs one large file on disk, libraries included.",
    ]
    return Result("signing", rows, method)


# --- one file --------------------------------------------------------------------------------------------------------
def _one_file(folder: Path, rounds: int) -> list[Row]:
    said = _measured("one", folder, rounds)
    of = f"two pages, {SCAN_BYTES // 1000} kB, {rounds} rounds"
    cpu = "CPU ms"
    return [
        Row("signing, software key, visible, B-B", "own scan", said["sign"], cpu, 120, True, of),
        Row("… with what comes before it (marks, QR, both fields)", "own scan", said["prepare"] + said["sign"], cpu, of=of),
        Row("two signatures B-LTA, authority in process", "own scan", said["both"], cpu, of=of),
        Row("verification of such a file", "own scan", said["verify"], cpu, 100, True, of),
        Row("… by the clock", "own scan", said["verify wall"], "ms", of=of),
        Row("renewal of such a file (one more timestamp, fresh answers)", "own scan", said["renew"], cpu, of=of),
    ]  # fmt: skip


def do_one(folder: Path, rounds: int) -> dict:
    """CPU milliseconds a file, medians; `verify wall` by the clock."""
    from signing.renew import renew
    from signing.trust import TrustSettings
    from signing.verify import verify_file

    office, scan = _Office(folder), (folder / "scan.pdf").read_bytes()
    prepared = office.prepared(scan)
    stamper = office.pki.timestamper()

    def both() -> bytes:
        first = office.signed(prepared, Role.SCANNER, Level.B_LTA, stamper)
        return office.signed(first, Role.AGENCY, Level.B_LTA, stamper)

    done = both()
    (folder / "signed.pdf").write_bytes(done)
    office.pki.publish(folder / "trust")
    trust = TrustSettings(folder / "trust")
    if (found := verify_file(done, "signed.pdf", trust)).verdict is not Verdict.VALID:
        raise RuntimeError(f"{found.verdict}: {found.reasons}")
    verify = _milliseconds(lambda: verify_file(done, "signed.pdf", trust), rounds)
    return {
        "prepare": _milliseconds(lambda: office.prepared(scan), rounds)[0],
        "sign": _milliseconds(lambda: office.signed(prepared, Role.SCANNER, Level.B_B), rounds)[0],
        "both": _milliseconds(both, rounds)[0],
        "verify": verify[0],
        "verify wall": verify[1],
        "renew": _milliseconds(lambda: renew(done, office.pki.validation_context(), stamper), rounds)[0],
    }


def _milliseconds(work: Callable[[], object], rounds: int) -> tuple[float, float]:
    """(CPU, wall) of one call, medians; the first call warms up and does not count."""
    work()
    cpu, wall = [], []
    for _ in range(rounds):
        used, began = time.process_time(), time.perf_counter()
        work()
        cpu.append(time.process_time() - used)
        wall.append(time.perf_counter() - began)
    return 1000 * statistics.median(cpu), 1000 * statistics.median(wall)


class _Office:
    """Keys of the demo PKI in a folder, opened once as `flows.sign_desk` does."""

    def __init__(self, folder: Path) -> None:
        from signing.demo_pki import DemoPki
        from signing.pkcs12 import Pkcs12Signer

        self.pki = DemoPki.open(folder / "pki")
        self.settings = SigningSettings()
        self.signers = {role: Pkcs12Signer.open(self.pki.p12(role), self.pki.password) for role in ROLES}
        self.validation = self.pki.validation_context(
            [signer.certificate for signer in self.signers.values()]
        )
        self.moment = datetime.now().astimezone()

    def request(self, role: Role, level: Level) -> SignatureRequest:
        from signing.demo_pki import AGENCY, PEOPLE

        delegation = DelegationRecord(
            kind=DelegationKind.ASSIGNMENT, number="12/QĐ-UBND", person=_OPERATOR, agency=AGENCY, roles=(role,),
            valid_from=self.moment.date() - timedelta(days=300),
        )  # fmt: skip
        of_agency = role is Role.AGENCY
        return SignatureRequest(
            document_id="bench", role=role, product=Product.DIGITISED, person=_OPERATOR if of_agency else PEOPLE[role],
            agency=AGENCY, captured_at=self.moment, level=level, own_right=not of_agency,
            delegation=delegation if of_agency else None,
        )  # fmt: skip

    def prepared(self, scan: bytes) -> bytes:
        from signing.demo_pki import AGENCY, PEOPLE
        from signing.sign_prepare import Conversion, prepare

        requests = [self.request(role, Level.B_LTA) for role in ROLES]
        conversion = Conversion(self.moment, PEOPLE[Role.SCANNER], AGENCY)
        return prepare(
            scan, requests, settings=self.settings, conversion=conversion, demo=True,
            qr="H26.12-261122-0045-KQ1|1.001193|079087001234|Giấy xác nhận|sohoa|2026-11-22T09:15:30+07:00",
        ).data  # fmt: skip

    def signed(self, pdf: bytes, role: Role, level: Level, stamper=None) -> bytes:
        from signing.sign import sign

        return sign(
            pdf, self.request(role, level), self.signers[role], settings=self.settings, validation=self.validation,
            timestamper=stamper,
        ).data  # fmt: skip


# --- many files ------------------------------------------------------------------------------------------------------
def _many_files(folder: Path, files: int, processes: int) -> list[Row]:
    """A batch signed by so many processes against one authority, then verified in one call."""
    batch = folder / "batch"
    batch.mkdir()
    signing = min(files, 60)
    with (
        authority(folder / "pki") as (url, process),
        ProcessPoolExecutor(processes, get_context("spawn"), _open_office, (folder, url)) as pool,
    ):
        list(pool.map(_sign_both, [folder / f"warm-{number}.pdf" for number in range(2 * processes)]))
        began, before, idle = time.perf_counter(), cpu_of(process), idle_seconds()
        used = sum(pool.map(_sign_both, [batch / f"{number:05d}.pdf" for number in range(signing)]))
        rate = signing / (time.perf_counter() - began)
        idle = idle_seconds() - idle
        used += cpu_of(process) - before
        cpu = used / signing
    for number in range(signing, files):  # other names, same bytes: a verifier keeps nothing between files
        os.link(batch / f"{number % signing:05d}.pdf", batch / f"{number:05d}.pdf")
    whole = _measured("batch", folder, min(files, 40))
    said = _measured("verify", folder, processes)
    if said["valid"] != files:
        raise RuntimeError(f"{said['valid']} of {files} files are valid")
    return [
        Row("two signatures B-LTA, authority on loopback, two cores of its own", "own scan", 2 * signing / (used + idle), "files/s", 5, False,
            f"from CPU time, authority included, and the time cores had nothing to do; {signing} files"),
        Row("… by the clock of this shared machine", "own scan", rate, "files/s", of=f"{processes} processes and the authority"),
        Row("… CPU, authority included", "own scan", 1000 * cpu, "CPU ms a file", of=f"{signing} files"),
        Row("… of the time that others left, used", "own scan", used / (used + idle), of="CPU time / (CPU time + idle time of the machine)"),
        Row("… as `sohoa sign batch` does it", "own scan", 2 / whole["each"], "files/s", 5, False,
            f"the same; {min(files, 40)} records: signed, verified, PDF/A checked, stored, written down, twice"),
        Row("… by the clock of this shared machine", "own scan", whole["rate"], "files/s", of="one process that signs, two that check"),
        Row("… CPU of the process that signs", "own scan", whole["cpu"], "CPU ms a file", of=f"of {1000 * whole['used']:.0f} ms in all, authority included"),
        Row("verification, files in one call, by the clock", "own scan", files / said["wall"], "files/s", of=f"{files} files, {processes} processes"),
        Row("… CPU of the call", "own scan", 1000 * said["cpu"] / files, "CPU ms a file", of=f"{files} files, starting the processes included"),
        Row("… all cores busy: of the time that others left, used", "own scan", said["cpu"] / (said["cpu"] + said["idle"]), "%", 0.9, False,
            "CPU time / (CPU time + idle time of the machine)"),
        Row("… of the whole machine", "own scan", said["cpu"] / said["wall"] / processes, of="CPU time / wall time / cores; others use it too"),
    ]  # fmt: skip


_OPENED: list = []


def _open_office(folder: Path, url: str) -> None:
    from signing.levels import HttpTimeStamper

    office = _Office(folder)
    _OPENED.append((office, HttpTimeStamper(url, 30), office.prepared((folder / "scan.pdf").read_bytes())))


def _sign_both(path: Path) -> float:
    """CPU seconds it took this process."""
    office, stamper, prepared = _OPENED[0]
    before = time.process_time()
    first = office.signed(prepared, Role.SCANNER, Level.B_LTA, stamper)
    path.write_bytes(office.signed(first, Role.AGENCY, Level.B_LTA, stamper))
    return time.process_time() - before


def do_verify(folder: Path, processes: int) -> dict:
    """All files of the batch in one call: the CPU time of every process it started, and how long cores had nothing to do."""
    from flows.verify import verify_paths
    from schemas.settings import Settings, Work

    signing = SigningSettings(trust_folder=folder / "trust", offline=True)
    settings = Settings(home=folder / "home", signing=signing, work=Work(processes=processes))
    paths = sorted((folder / "batch").glob("*.pdf"))
    began, idle = time.perf_counter(), idle_seconds()
    found = verify_paths(paths, settings)
    wall, idle = time.perf_counter() - began, idle_seconds() - idle
    stop_forkserver()
    cpu = time.process_time() + cpu_of_children()
    return {"wall": wall, "cpu": cpu, "idle": idle, "valid": sum(one.verdict is Verdict.VALID for one in found.files)}


# --- a certified copy ------------------------------------------------------------------------------------------------
def _certified(folder: Path) -> Row:
    said = _measured("certified", folder, 2)
    return Row(
        "certified copy, captured images to registered file", "own scan, 4 pages", said["wall"], "s", 10, True,
        f"second copy of a process; {said['cpu']:.1f} CPU s",
    )  # fmt: skip


def do_certified(folder: Path, rounds: int) -> dict:
    """Wall and CPU seconds of the last of `rounds` copies."""
    from cli.home import make_home
    from flows.copies import certified_copy
    from flows.copies_capture import open_capture, take_capture
    from flows.copies_desk import open_copy_desk
    from schemas.copies import CertifiedCopyRequest, Checklist, Declaration, Requester
    from schemas.settings import load_settings

    make_home(folder / "office")
    seconds = (0.0, 0.0)
    with open_copy_desk(load_settings(folder / "office"), who="bench") as desk:
        for number in range(rounds):
            scan = folder / f"capture-{number}.pdf"
            _paper(scan, number)
            began, used = time.perf_counter(), time.process_time()
            capture = open_capture(desk, f"bench-{number}")
            taken = take_capture(desk, capture, [scan])
            request = CertifiedCopyRequest(
                request_key=f"bench-{number}", capture=capture, requester=Requester(name="Phạm Thị Đo Lường"),
                original="Giấy xác nhận số 45/GXN-UBND", received_at=desk.moment(),
                checklist=Checklist(**dict.fromkeys(Checklist.model_fields, False)),
                declaration=Declaration(by=taken.certifier, all_pages=True, compared_with_original=True, pages=4),
            )  # fmt: skip
            result = certified_copy(desk, request)
            seconds = time.perf_counter() - began, time.process_time() - used
            if result.verdict is not Verdict.VALID:
                raise RuntimeError(f"the copy is {result.verdict}")
    return {"wall": seconds[0], "cpu": seconds[1]}


def _paper(path: Path, seed: int) -> None:
    """Four scanned pages as a scanner writes them: pictures in a PDF, nothing else."""
    import io

    import pikepdf

    with pikepdf.open(io.BytesIO(scan_pdf(4, 2 * SCAN_BYTES, 100 + 10 * seed))) as made, pikepdf.new() as pdf:
        for page in made.pages:
            fresh = pdf.add_blank_page(page_size=(page.mediabox[2], page.mediabox[3]))
            image = pdf.copy_foreign(next(iter(page.get_images().values())))
            fresh.Resources = pikepdf.Dictionary(XObject=pikepdf.Dictionary(Im=image))
            size = f"{float(page.mediabox[2])} 0 0 {float(page.mediabox[3])}"
            fresh.Contents = pdf.make_stream(f"q {size} 0 0 cm /Im Do Q".encode())
        pdf.save(path)


# --- a large scan ----------------------------------------------------------------------------------------------------
def _large(folder: Path, size: int) -> list[Row]:
    pages = large_scan(folder / "large.pdf", size)
    weight = (folder / "large.pdf").stat().st_size
    of = f"{weight // MEGABYTE} MB, {pages} pages, in a process of its own"
    signed = _measured("large", folder, 1)
    verified = _measured("large-verify", folder, 1)
    for name in ("large.pdf", "large-signed.pdf"):
        (folder / name).unlink()
    return [
        Row("memory, a large scan prepared and signed B-LTA", "own scan", signed["peak"], "MB", 600, True, of),
        Row("… seconds", "own scan", signed["cpu"], "CPU s", of=of),
        Row("memory, a large scan verified", "own scan", verified["peak"], "MB", 600, True, of),
        Row("… seconds", "own scan", verified["cpu"], "CPU s", of=of),
    ]  # fmt: skip


def do_large(folder: Path, _rounds: int) -> dict:
    from signing.demo_pki import AGENCY, PEOPLE
    from signing.sign import sign_file
    from signing.sign_prepare import Conversion, prepare_file

    office, used, target = _Office(folder), time.process_time(), folder / "large-signed.pdf"
    request = office.request(Role.SCANNER, Level.B_LTA)
    conversion = Conversion(office.moment, PEOPLE[Role.SCANNER], AGENCY)
    prepare_file(
        folder / "large.pdf", target, [request], settings=office.settings, conversion=conversion, demo=True
    )
    sign_file(
        target, target, request, office.signers[Role.SCANNER], settings=office.settings, validation=office.validation,
        timestamper=office.pki.timestamper(),
    )  # fmt: skip
    return {"peak": _peak(), "cpu": time.process_time() - used}


def do_large_verify(folder: Path, _rounds: int) -> dict:
    from signing.trust import TrustSettings
    from signing.verify import verify_file

    used = time.process_time()
    trust = TrustSettings(folder / "trust", max_bytes=2 * LARGE_BYTES, seconds=300)
    found = verify_file((folder / "large-signed.pdf").read_bytes(), "large.pdf", trust)
    if found.verdict is not Verdict.VALID:
        raise RuntimeError(f"{found.verdict}: {found.reasons}")
    return {"peak": _peak(), "cpu": time.process_time() - used}


def _peak() -> float:
    """MB this process held at most, from the system."""
    facts = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text("ascii").splitlines())
    return int(facts["VmHWM"].split()[0]) * 1024 / MEGABYTE


# --- the processes that are measured ---------------------------------------------------------------------------------
MODES: dict[str, Callable[[Path, int], dict]] = {
    "one": do_one,
    "verify": do_verify,
    "batch": do_batch,
    "certified": do_certified,
    "large": do_large,
    "large-verify": do_large_verify,
}


def _measured(mode: str, folder: Path, number: int) -> dict:
    """What one mode says, run in a process of its own."""
    command = [sys.executable, "-m", "bench.signing", mode, str(folder), str(number)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=1800)
    if done.returncode:
        raise RuntimeError(f"{mode}: {done.stderr[-2000:]}")
    return json.loads(done.stdout.splitlines()[-1])


def write(result: Result, page: Path) -> None:
    """docs/benchmarks-signing.md from one measurement."""
    facts = "; ".join(f"{name}: {said}" for name, said in result.facts.items() if said)
    text = [
        "# Measurements of signing", "",
        "Made by `.venv/bin/python -m bench signing`; do not edit: measure again. Seconds come from a machine that does other "
        "things too: trust CPU seconds and ratios, not wall times.", "",
        *result.method, "", table(result.rows), "", facts + ".",
    ]  # fmt: skip
    page.write_text("\n".join(text) + "\n", "utf-8")


def main() -> None:
    os.environ["OMP_THREAD_LIMIT"] = "1"
    mode, folder, number = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])
    print(json.dumps(MODES[mode](folder, number)))


if __name__ == "__main__":
    main()
