"""The words everybody speaks: models, codes, errors, settings. Knows no other room."""
