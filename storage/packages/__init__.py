"""Archive packages: METS, EAD and PREMIS of TT 05/2025/TT-BNV, BagIt bags, and the rows of a record that they carry."""
