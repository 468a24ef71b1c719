"""`sohoa sign batch` as it is used: a batch of checked records of two pages each, both signatures B-LTA, every file verified after
each signature, checked as PDF/A, stored, and written into the catalogue; in one process, the authority on loopback."""

from __future__ import annotations

import hashlib
import os
import shutil
import time
from pathlib import Path

from bench.signing_files import authority, cpu_of, cpu_of_children, idle_seconds, stop_forkserver

OFFICE = "Ủy ban nhân dân xã Đo Đạc"


def do_batch(folder: Path, files: int) -> dict:
    """Files a second by the clock; CPU milliseconds a file of the process that signs; CPU seconds a file of all processes, and
    these with the time that cores had nothing to do. Two files warm up."""
    from cli.home import make_home
    from flows.copies_desk import open_copy_desk
    from flows.sign_batch import sign_batch
    from schemas.settings import load_settings

    home = folder / "batch-home"
    shutil.rmtree(home, ignore_errors=True)
    make_home(home)
    os.environ |= {"SOHOA_OFFICE__CODE": "H26.99", "SOHOA_OFFICE__NAME": OFFICE}
    with open_copy_desk(load_settings(home), who="bench") as desk:
        pki = desk.keys.demo_pki.folder
    with authority(pki) as (url, process):
        os.environ["SOHOA_SIGNING__TSA_URL"] = url
        with open_copy_desk(load_settings(home), who="bench") as desk:
            scan = (folder / "scan.pdf").read_bytes()
            warm, batch = _checked(desk, scan, 2, "warm"), _checked(desk, scan, files, "batch")
            sign_batch(desk, warm, approved_by="bench")
            began, idle = time.perf_counter(), idle_seconds()
            used, theirs, children = time.process_time(), cpu_of(process), cpu_of_children()
            result = sign_batch(desk, batch, approved_by="bench")
            wall, idle = time.perf_counter() - began, idle_seconds() - idle
            used = time.process_time() - used
            stop_forkserver()  # its end is waited for so that the system counts the processes that checked
            everything = used + cpu_of(process) - theirs + cpu_of_children() - children
            if len(result.archived) != files:
                raise RuntimeError(f"{len(result.archived)} of {files} files are archived: {result.failed}")
            return {
                "rate": files / wall,
                "cpu": 1000 * used / files,
                "used": everything / files,
                "each": (everything + idle) / files,
            }


def _checked(desk, scan: bytes, files: int, name: str) -> str:
    """A batch of records that were read and checked; their PDF/A is the scan."""
    from flows.coding import coding_of
    from schemas.document import DocumentReading, DocumentStatus
    from storage.catalogue import NewDocument, NewSource
    from storage.objects import archive_key, original_key

    batch, coding = desk.catalogue.start_batch(name).id, coding_of(desk.settings)
    for number in range(files):
        original = f"{name} {number}".encode()
        sha256 = hashlib.sha256(original).hexdigest()
        desk.store.put(original_key(sha256), original)
        ref = desk.store.put(archive_key(f"{name}-{number}"), scan, media_type="application/pdf")
        file = desk.catalogue.add_file(
            batch, f"{name}-{number}.pdf", NewSource(sha256, len(original), "application/pdf", pages=2)
        )
        reading = DocumentReading(pages=[1, 2], type="giay_xac_nhan", text="GIẤY XÁC NHẬN", fields={})
        [row] = desk.catalogue.record_file(
            file.id, pages=[], documents=[NewDocument(reading, ref, sealed=False)], coding=coding
        )
        if row.status is DocumentStatus.REVIEW:
            desk.catalogue.confirm_document(
                row.id, who="bench", confirm_waiting=True, coding=coding, expected_revision=row.revision
            )
    return batch
