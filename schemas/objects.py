"""Settings of object stores: how S3 is reached, and which further stores hold copies."""

from __future__ import annotations

import os

from pydantic import BaseModel, ConfigDict, Field, field_validator

PREFIX = "SOHOA_S3__"


class S3Settings(BaseModel):
    """Keys and patience for S3 stores; section `[s3]` of the settings. Which store: `store_url`, as
    `s3://bucket/prefix?endpoint=https://host&region=…`."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)

    access_key: str = Field("", repr=False)
    """Better given as SOHOA_S3__ACCESS_KEY than written here; never part of an address."""
    secret_key: str = Field("", repr=False)
    """Better given as SOHOA_S3__SECRET_KEY than written here."""
    ca_file: str = ""
    """Certificates that the server's must lead to; empty: the usual public ones."""
    connect_seconds: float = Field(5.0, gt=0)
    """Limit for connecting, and for each piece sent."""
    answer_seconds: float = Field(30.0, gt=0)
    """Limit for an answer to begin or to go on."""
    attempts: int = Field(3, ge=1, le=10)
    """How often a request that met a fault of the network or the server is made before it counts as failed."""
    connections: int = Field(8, ge=1, le=64)
    """Requests that a listing makes at once."""
    single_put_bytes: int = Field(64_000_000, ge=1_000_000, le=5_000_000_000)
    """Up to here an object is sent in one request, held in memory; beyond, in parts."""
    part_bytes: int = Field(16_000_000, ge=5_242_880, le=1_000_000_000)
    """Size of a part; S3 takes at least 5 MiB and at most 10,000 parts."""

    @classmethod
    def from_environment(cls) -> S3Settings:
        """As the variables SOHOA_S3__… say; for a process that only knows the address of a store."""
        names = {f"{PREFIX}{name.upper()}": name for name in cls.model_fields}
        return cls(
            **{name: os.environ[variable] for variable, name in names.items() if variable in os.environ}
        )


class Replica(BaseModel):
    """One further store that holds a copy of everything."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    label: str = Field(pattern=r"[a-z0-9][a-z0-9-]{0,31}")
    """Name in reports and in the catalogue; never changed once used."""
    url: str
    medium: str = ""
    """What it stands on: "đĩa ngoài", "máy chủ tỉnh", "băng từ"; two replicas on one medium are one backup set."""
    site: str = ""
    """Where it stands."""
    offline: bool = False
    """Connected only while it is brought up to date; that it cannot be reached is then no fault."""


class ReplicaSettings(BaseModel):
    """Further stores; section `[replicas]` of the settings."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)

    places: list[Replica] = []
    """Each with label, url (file:///… or s3://…), medium, site, offline; an example is in docs/storage.md."""
    backup_sets: int = Field(2, ge=0)
    """Backup sets on independent media beside the primary store. TT 05/2025/TT-BNV as restated by QĐ 3999/QĐ-BTC 2025
    ("ít nhất 02 bộ sao lưu trên các phương tiện lưu trữ độc lập"); CV 7197/BKHCN-CĐSQG."""
    offline_sets: int = Field(1, ge=0)
    """Of them, not connected when nothing is copied. QCVN 12:2026/BCA from level 3 on: at least one that cannot be
    overwritten and is cut off from the network."""

    @field_validator("places")
    @classmethod
    def _names_once(cls, value: list[Replica]) -> list[Replica]:
        labels = [place.label for place in value]
        if len(set(labels)) != len(labels) or "primary" in labels:
            raise ValueError("labels of replicas must differ, and none may be called primary")
        return value
