"""Audit: who did, saw and took away what; a chain of hashes that shows any later change."""
