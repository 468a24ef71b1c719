"""Makes ``ocr/handwriting/digits.onnx``: draws rows, trains the network on the CPU, calibrates, measures, exports.

    python bench/train_digits.py --fonts node_modules/@fontsource --work /some/scratch

needs torch, onnx and onnxscript (development only) beside the project's own packages.
"""

from __future__ import annotations

import argparse
import json
import math
import random
import sys
import time
from pathlib import Path

import numpy as np
import torch
from torch import nn

sys.path.insert(0, str(Path(__file__).parent.parent))

import onnx  # noqa: E402
from train_strips import HELD_OUT_HANDS, HELD_OUT_PRINTS, Maker, Piece, Strip, load_faces, split_faces  # noqa: E402

from ocr.handwriting.digits import CHARS, HEIGHT, STRIDE, WEIGHTS, DigitReader, prepare  # noqa: E402


class Net(nn.Module):
    """(N, 1, 32, W) -> (N, W / 4, classes) log probabilities."""

    def __init__(self) -> None:
        super().__init__()

        def block(
            i: int, o: int, kernel: tuple[int, int], stride=(1, 1), pad=None, dilation=(1, 1)
        ) -> nn.Sequential:
            pad = pad or tuple(k // 2 * d for k, d in zip(kernel, dilation, strict=True))
            conv = nn.Conv2d(i, o, kernel, stride, pad, dilation, bias=False)
            return nn.Sequential(conv, nn.BatchNorm2d(o), nn.ReLU(inplace=True))

        self.body = nn.Sequential(
            block(1, 16, (5, 5), (2, 2)),
            block(16, 32, (3, 3)),
            nn.MaxPool2d(2),
            block(32, 64, (3, 3)),
            nn.MaxPool2d((2, 1)),
            block(64, 80, (3, 3)),
            nn.Conv2d(80, 112, (4, 1), bias=False),
            nn.BatchNorm2d(112),
            nn.ReLU(inplace=True),
            block(112, 112, (1, 3)),
            block(112, 112, (1, 5)),
            nn.Dropout(0.15),
        )
        self.head = nn.Conv2d(112, len(CHARS) + 1, 1)

    def forward(self, row: torch.Tensor) -> torch.Tensor:
        return self.head(self.body(row)).squeeze(2).permute(0, 2, 1).log_softmax(-1)


def entry_crops(strip: Strip, rng: random.Random) -> list[tuple[np.ndarray, str, bool]]:
    """(picture as prepared, label, by hand) for each entry of a strip, cut with random margins."""
    out = []
    entries = [p for p in strip.pieces if p.entry and p.box[2] - p.box[0] > 2]
    if not entries and len(strip.pieces) == 2:
        before, behind = (p.box for p in strip.pieces)
        entries = [Piece("", (before[2], before[1], max(before[2] + 4, behind[0]), before[3]), False, [])]
    for piece in entries:
        cuts = [cut for cut in (_cut(strip, piece, rng) for _ in range(6)) if cut is not None]
        out += [(*cut, piece.hand) for cut in cuts[:2]]
    return out


def _cut(strip: Strip, piece, rng: random.Random) -> tuple[np.ndarray, str] | None:
    size, (left, top, right, bottom) = strip.size, piece.box
    reach = 0.25 if rng.random() < 0.6 else rng.choice([1.0, 2.5, 6.0])
    left -= rng.uniform(0.02, reach) * size
    right += rng.uniform(0.02, reach) * size
    if rng.random() < 0.35:
        left, right = _at_words(strip, piece, left, right, rng)
    if rng.random() < 0.75:
        # as the caller cuts: by the printed row, not by the ink
        top = min(top + rng.uniform(0, 0.06) * size, strip.base - size * rng.uniform(0.75, 1.15))
        bottom = max(bottom - rng.uniform(0, 0.06) * size, strip.base + size * rng.uniform(0.1, 0.45))
    else:
        top -= rng.uniform(-0.03, 0.4) * size
        bottom += rng.uniform(-0.03, 0.4) * size
    left, top = max(0.0, left), max(0.0, top)
    right, bottom = min(strip.image.shape[1], right), min(strip.image.shape[0], bottom)
    label = ""
    for other in strip.pieces:
        for char, a, b in other.spans:
            share = (min(b, right) - max(a, left)) / max(1e-3, b - a)
            kind = char if char in CHARS else "?" if char.isalpha() else ""
            if share > 0.75:
                label += kind
            elif share > 0.3 and other is not piece and kind:
                return None
    crop = strip.image[int(top) : int(bottom), int(left) : int(right)]
    if crop.shape[0] < 8 or crop.shape[1] < 4 or not label:
        return None
    return (prepare(crop) * 255).astype(np.uint8), label


def _at_words(strip: Strip, piece, left: float, right: float, rng: random.Random) -> tuple[float, float]:
    """Cut at the neighbouring words, as the caller does, with a sliver of their last or first letter left in."""
    before = [p.box[2] for p in strip.pieces if p.box[2] <= piece.box[0] + 0.1 * strip.size]
    behind = [p.box[0] for p in strip.pieces if p.box[0] >= piece.box[2] - 0.1 * strip.size]
    if before and rng.random() < 0.7:
        left = min(max(before) - rng.uniform(-0.02, 0.1) * strip.size, piece.box[0])
    if behind and rng.random() < 0.7:
        right = max(min(behind) + rng.uniform(-0.02, 0.1) * strip.size, piece.box[2])
    return left, right


def draw_set(maker: Maker, strips: int, seconds: float) -> list[tuple[np.ndarray, str, bool]]:
    samples, end = [], time.process_time() + seconds
    for _ in range(strips):
        samples += entry_crops(maker.strip(), maker.rng)
        if time.process_time() > end:
            break
    return samples


def batches(samples, size: int, rng: random.Random):
    """Shuffled batches of similar widths: (pictures (N, 1, H, W) float32, labels, column counts)."""
    order = sorted(range(len(samples)), key=lambda i: samples[i][0].shape[1] * rng.uniform(0.85, 1.15))
    groups = [order[i : i + size] for i in range(0, len(order), size)]
    rng.shuffle(groups)
    for group in groups:
        width = max(samples[i][0].shape[1] for i in group)
        pictures = np.zeros((len(group), 1, HEIGHT, width), np.float32)
        for row, i in enumerate(group):
            picture = samples[i][0].astype(np.float32) / 255
            gain = rng.uniform(0.8, 1.15)
            pictures[row, 0, :, : picture.shape[1]] = np.clip(picture * gain + rng.uniform(-0.05, 0.05), 0, 1)
        lengths = [samples[i][0].shape[1] // STRIDE for i in group]
        yield torch.from_numpy(pictures), [samples[i][1] for i in group], lengths


def train(samples, minutes: float, threads: int, seed: int, start: Path | None) -> Net:
    torch.set_num_threads(threads)
    torch.manual_seed(seed)
    rng = random.Random(seed)
    net = Net()
    if start:
        net.load_state_dict(torch.load(start))
    best_rate, size = 3e-3, 48
    optimiser = torch.optim.AdamW(net.parameters(), lr=best_rate, weight_decay=1e-2)
    loss_of = nn.CTCLoss(zero_infinity=True)
    begin, step, running, last = time.process_time(), 0, 0.0, 0.0
    while True:
        for pictures, labels, lengths in batches(samples, size, rng):
            done = (time.process_time() - begin) / (60 * minutes)
            if done >= 1:
                return net.eval()
            rate = (
                best_rate * min(1.0, (step + 1) / 100) * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * done)))
            )
            for group in optimiser.param_groups:
                group["lr"] = rate
            targets = torch.tensor([CHARS.index(c) + 1 for label in labels for c in label])
            log_probs = net(pictures).permute(1, 0, 2)
            loss = loss_of(log_probs, targets, torch.tensor(lengths), torch.tensor([len(x) for x in labels]))
            optimiser.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(net.parameters(), 2.0)
            optimiser.step()
            step += 1
            running = 0.98 * running + 0.02 * float(loss.detach()) if step > 1 else float(loss.detach())
            if time.time() - last > 20:
                last = time.time()
                print(f"step {step} {done:.0%} loss {running:.3f}", flush=True)


def export(net: Net, path: Path, slope: float, offset: float) -> None:
    """Write ONNX with a free width and the calibration in its metadata."""
    width = torch.export.Dim("columns", min=4, max=200)
    program = torch.onnx.export(
        net,
        (torch.zeros(1, 1, HEIGHT, 96),),
        dynamo=True,
        input_names=["row"],
        output_names=["log_probs"],
        dynamic_shapes=({3: STRIDE * width},),
        verbose=False,
    )
    model = program.model_proto
    for key, value in (("calibration_slope", slope), ("calibration_offset", offset)):
        entry = model.metadata_props.add()
        entry.key, entry.value = key, f"{value:.5f}"
    for node in model.graph.node:
        node.doc_string = ""
        del node.metadata_props[:]
    onnx.save(model, path)


def entry_of(label: str) -> str:
    """`???575/????` -> `575/`: the stretch without letters that has most digits."""
    return max(label.split("?"), key=lambda part: sum(c.isdigit() for c in part))


def judge(reader: DigitReader, samples) -> list[tuple[float, bool, bool]]:
    """(odds, right, by hand) of each sample; right is the stretch of the label with most digits, as the reader gives it.

    Samples in which the reader sees no digits count as wrong where there are some, and not at all in empty gaps.
    """
    out = []
    for picture, label, hand in samples:
        log_probs = reader._session.run(None, {"row": picture[None, None].astype(np.float32) / 255})[0][0]
        found = reader.spell(log_probs, STRIDE)
        if found.text or entry_of(label):
            p = min(max(found.confidence, 1e-3), 1 - 1e-4)
            out.append((math.log(p / (1 - p)), found.text == entry_of(label), hand))
    return out


def calibrate(results) -> tuple[float, float]:
    """Platt scaling by Newton's method on (odds, right)."""
    x = np.array([[odds, 1.0] for odds, _, _ in results])
    y = np.array([float(right) for _, right, _ in results])
    w = np.array([0.5, 0.0])
    for _ in range(50):
        p = 1 / (1 + np.exp(-x @ w))
        hessian = (x * (p * (1 - p))[:, None]).T @ x + 1e-3 * np.eye(2)
        w -= np.linalg.solve(hessian, x.T @ (p - y) + 1e-3 * w)
    return float(w[0]), float(w[1])


def report(results) -> dict[str, object]:
    bands = []
    for low, high in ((0, 0.5), (0.5, 0.8), (0.8, 0.9), (0.9, 0.95), (0.95, 0.98), (0.98, 1.01)):
        inside = [(1 / (1 + math.exp(-o)), r) for o, r, _ in results if low <= 1 / (1 + math.exp(-o)) < high]
        if inside:
            said, was = np.mean(inside, axis=0)
            bands.append([low, high, len(inside), round(float(said), 3), round(float(was), 3)])
    by_hand = [r for _, r, h in results if h]
    printed = [r for _, r, h in results if not h]
    return {
        "strings": len(results),
        "right_hand": round(float(np.mean(by_hand)), 4),
        "right_print": round(float(np.mean(printed)), 4),
        "low_high_n_said_right": bands,
    }


def main() -> None:
    args = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    args.add_argument("--fonts", type=Path, required=True, help="folder of npm @fontsource packages")
    args.add_argument("--work", type=Path, required=True, help="scratch folder: drawn samples, weights")
    args.add_argument("--strips", type=int, default=18000)
    args.add_argument("--minutes", type=float, help="CPU time of the training", default=11.0)
    args.add_argument("--threads", type=int, default=1)
    args.add_argument("--start", type=Path, help="weights (.pt) of an earlier run to go on from")
    args.add_argument("--seed", type=int, default=11)
    args.add_argument("--out", type=Path, default=WEIGHTS)
    a = args.parse_args()
    a.work.mkdir(parents=True, exist_ok=True)
    hands, prints = load_faces(a.fonts)
    (hands_in, hands_out), (prints_in, prints_out) = (
        split_faces(hands, HELD_OUT_HANDS),
        split_faces(prints, HELD_OUT_PRINTS),
    )
    samples = draw_set(Maker(hands_in, prints_in, random.Random(a.seed)), a.strips, 400)
    print(len(samples), "entries to learn from", flush=True)
    net = train(samples, a.minutes, a.threads, a.seed, a.start)
    torch.save(net.state_dict(), a.work / "digits.pt")
    export(net, a.out, 1.0, 0.0)
    # half of the held-out writers set the scale of the confidence, the other half judge it
    seen = {face.name.rsplit("-", 2)[0] for face in hands_out}
    first = {name for i, name in enumerate(sorted(seen)) if i % 2}
    fit = draw_set(
        Maker([f for f in hands_out if f.name.rsplit("-", 2)[0] in first], prints_out, random.Random(1)),
        900,
        60,
    )
    export(net, a.out, *calibrate(judge(DigitReader(a.out), fit)))
    reader = DigitReader(a.out)
    rest = [f for f in hands_out if f.name.rsplit("-", 2)[0] not in first]
    found = {
        "held_out_fonts": report(
            judge(reader, draw_set(Maker(rest, prints_out, random.Random(2), 0.0), 900, 60))
        ),
        "pen_paths": report(judge(reader, draw_set(Maker(rest, prints_out, random.Random(3), 1.0), 900, 60))),
        "bytes": a.out.stat().st_size,
    }
    print(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
