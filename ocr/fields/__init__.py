"""From words on pages to fields: rows, labels, heading, signer, tables."""
