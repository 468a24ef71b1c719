"""Orchestration: plain functions first, thin Prefect wrappers last. Knows ocr, signing, storage, schemas."""
