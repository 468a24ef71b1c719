"""Objects, catalogue, codes and search. Knows only `schemas`."""
