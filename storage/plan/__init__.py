"""The digitisation plan: lists of one-stop systems, matches, totals, targets, and the figures made from them."""
