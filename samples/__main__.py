"""``python -m samples stacks``, ``python -m samples lists`` and ``python -m samples set --level office --count 200 --seed 7 --out DIR``."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from samples import dirt, fonts
from samples.kinds import KINDS
from samples.one_stop import make_lists
from samples.sets import make_set
from samples.stacks import make_stacks


def main(argv: list[str] | None = None) -> int:
    """Exit code 0 when done, 2 for wrong use, 3 when a font is missing."""
    parser = argparse.ArgumentParser(prog="python -m samples", description="Make papers with their truth.")
    commands = parser.add_subparsers(dest="command", required=True)
    stacks = commands.add_parser("stacks", help="regenerate the sample stacks")
    stacks.add_argument("--out", type=Path, default=Path(__file__).parent / "stacks")
    commands.add_parser("lists", help="regenerate the sample lists of a one-stop system")
    some = commands.add_parser("set", help="make a labelled set")
    some.add_argument("--level", choices=sorted(dirt.LEVELS), required=True)
    some.add_argument("--count", type=int, required=True)
    some.add_argument("--seed", type=int, default=1)
    some.add_argument("--out", type=Path, required=True)
    some.add_argument(
        "--kind", action="append", choices=sorted(KINDS), help="only this kind (may be repeated)"
    )
    args = parser.parse_args(argv)
    try:
        if args.command == "stacks":
            for path in make_stacks(args.out):
                print(f"{path.name}: {path.stat().st_size // 1024} KiB")
        elif args.command == "lists":
            for path in make_lists(Path(__file__).parent / "lists"):
                print(f"{path.name}: {path.stat().st_size // 1024} KiB")
        else:
            made = make_set(args.level, args.count, args.seed, args.out, args.kind)
            print(f"{len(made)} documents in {args.out}")
    except fonts.FontMissing as error:
        print(error, file=sys.stderr)
        return 3
    return 0


if __name__ == "__main__":
    sys.exit(main())
