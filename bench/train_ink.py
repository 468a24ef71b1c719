"""Makes ``ocr/handwriting/ink.onnx``: draws words, trains the network on the CPU, calibrates, measures, exports.

    python bench/train_ink.py --fonts node_modules/@fontsource --work /some/scratch

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

import cv2
import numpy as np
import torch
from torch import nn

sys.path.insert(0, str(Path(__file__).parent.parent))

import onnx  # noqa: E402
from train_digits import calibrate  # noqa: E402
from train_strips import HELD_OUT_HANDS, HELD_OUT_PRINTS, Maker, Strip, load_faces, split_faces  # noqa: E402

from ocr.handwriting.ink import HEIGHT, WEIGHTS, WIDTH, InkJudge, windows  # noqa: E402


class Net(nn.Module):
    """(N, 3, 24, 72) -> (N,) log odds of writing by hand."""

    def __init__(self) -> None:
        super().__init__()

        def block(i: int, o: int, kernel: int, stride: int) -> nn.Sequential:
            conv = nn.Conv2d(i, o, kernel, stride, kernel // 2, bias=False)
            return nn.Sequential(conv, nn.BatchNorm2d(o), nn.ReLU(inplace=True))

        self.body = nn.Sequential(
            block(3, 16, 5, 2),
            block(16, 28, 3, 2),
            block(28, 44, 3, 1),
            block(44, 64, 3, 2),
            nn.Dropout2d(0.1),
        )
        self.head = nn.Sequential(
            nn.Linear(128, 32), nn.ReLU(inplace=True), nn.Dropout(0.2), nn.Linear(32, 1)
        )

    def forward(self, words: torch.Tensor) -> torch.Tensor:
        found = self.body(words)
        return self.head(torch.cat([found.mean((2, 3)), found.amax((2, 3))], 1)).squeeze(1)


def word_crops(strip: Strip, rng: random.Random) -> list[tuple[np.ndarray, bool]]:
    """(crop RGB uint8, by hand) of the words of a strip, boxes a little off as a recogniser's are."""
    out = []
    for piece in strip.pieces:
        left, top, right, bottom = piece.box
        high = bottom - top
        if high < 5 or right - left < 3 or not any(c.isalnum() for c in piece.text):
            continue
        shift = [rng.gauss(0.08, 0.07) * high for _ in range(4)]
        if rng.random() < 0.08:
            # boxes swell where a rule or another row is near
            shift[1], shift[3] = shift[1] + rng.uniform(0, 0.5) * high, shift[3] + rng.uniform(0, 0.2) * high
            shift[2] += rng.uniform(0, 0.5) * high
        x0, y0 = max(0, int(left - shift[0])), max(0, int(top - shift[1]))
        crop = strip.image[y0 : int(bottom + shift[2]) + 1, x0 : int(right + shift[3]) + 1]
        if min(crop.shape[:2]) >= 4:
            out.append((crop, piece.hand))
    return out


def scribble(strip: Strip, rng: random.Random, noise: np.random.Generator) -> tuple[np.ndarray, bool]:
    """Part of a signature, or (not by hand) a bare rule, a row of dots, dust."""
    high = rng.randint(16, 60)
    wide = int(high * rng.uniform(0.6, 4))
    paper = rng.randint(200, 255)
    crop = np.full((high, wide, 3), paper, np.float32) + noise.normal(0, rng.uniform(0, 8), (high, wide, 1))
    mask = np.zeros((high, wide), np.uint8)
    kind = rng.random()
    if kind < 0.55:
        points = rng.randint(5, 14)
        xs = np.linspace(0.05, 0.95, points) * wide + noise.normal(0, 0.12 * high, points)
        ys = noise.uniform(0.05, 0.95, points) * high
        t = np.linspace(0, points - 1, 40 * points)
        curve = [cv2.GaussianBlur(np.interp(t, np.arange(points), v)[None], (0, 0), 9)[0] for v in (xs, ys)]
        path = np.column_stack(curve).astype(np.int32)
        cv2.polylines(mask, [path], False, 255, rng.choice([1, 2, 2, 3]), cv2.LINE_AA)
    elif kind < 0.7:
        cv2.line(
            mask, (0, high // 2), (wide, high // 2 + rng.randint(-2, 2)), 255, rng.randint(1, 3), cv2.LINE_AA
        )
    elif kind < 0.9:
        for x in np.arange(0, wide, high * rng.uniform(0.12, 0.5)):
            cv2.circle(
                mask,
                (int(x), int(high * rng.uniform(0.45, 0.55))),
                max(1, int(high * 0.06)),
                255,
                -1,
                cv2.LINE_AA,
            )
    else:
        mask[noise.random((high, wide)) < 0.02] = 255
    ink = (
        rng.choice([(28, 48, 152), (24, 30, 78), (30, 30, 30)]) if kind < 0.55 else (rng.randint(0, 90),) * 3
    )
    alpha = mask[..., None] / 255.0
    crop = crop * (1 - alpha) + np.array(ink) * alpha
    if rng.random() < 0.4:
        crop = np.repeat(crop.mean(axis=2, keepdims=True), 3, axis=2)
    if rng.random() < 0.2:
        crop = np.where(crop < paper - 60, 0.0, 255.0)
    return np.clip(crop, 0, 255).astype(np.uint8), kind < 0.55


def draw_set(maker: Maker, strips: int, seconds: float) -> tuple[np.ndarray, np.ndarray]:
    """(n, 3, 24, 72) uint8 pictures and (n,) bool truths."""
    pictures, truths, end = [], [], time.process_time() + seconds
    noise = np.random.default_rng(maker.rng.getrandbits(32))
    for _ in range(strips):
        strip = maker.strip()
        crops = word_crops(strip, maker.rng)
        if maker.rng.random() < 0.35:
            crops.append(scribble(strip, maker.rng, noise))
        for crop, hand in crops:
            # both ends of a long word are shown, each with the word's truth
            for picture in windows(crop):
                pictures.append(np.clip(picture * 212, 0, 255).astype(np.uint8))
                truths.append(hand)
        if time.process_time() > end:
            break
    return np.stack(pictures), np.array(truths)


def as_input(pictures: np.ndarray) -> np.ndarray:
    return pictures.astype(np.float32) / 212


def train(
    pictures: np.ndarray, truths: np.ndarray, minutes: float, threads: int, seed: int, start: Path | None
) -> Net:
    torch.set_num_threads(threads)
    torch.manual_seed(seed)
    order = np.random.default_rng(seed)
    net = Net()
    if start:
        net.load_state_dict(torch.load(start))
    best_rate, size = 3e-3, 128
    optimiser = torch.optim.AdamW(net.parameters(), lr=best_rate, weight_decay=2e-2)
    loss_of = nn.BCEWithLogitsLoss()
    begin, step, running, last = time.process_time(), 0, 0.7, 0.0
    while True:
        for group in np.array_split(order.permutation(len(truths)), max(1, len(truths) // size)):
            done = (time.process_time() - begin) / (60 * minutes)
            if done >= 1:
                return net.eval()
            rate = (
                best_rate * min(1.0, (step + 1) / 100) * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * done)))
            )
            for part in optimiser.param_groups:
                part["lr"] = rate
            words = as_input(pictures[group])
            # colour is a hint, not a crutch: half of the time it is taken away
            grey = order.random(len(group)) < 0.3
            words[grey] = words[grey].mean(axis=1, keepdims=True)
            words *= order.uniform(0.8, 1.15, (len(group), 1, 1, 1)).astype(np.float32)
            target = torch.from_numpy(truths[group].astype(np.float32) * 0.98 + 0.01)
            loss = loss_of(net(torch.from_numpy(words)), target)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            step += 1
            running = 0.99 * running + 0.01 * float(loss.detach())
            if time.time() - last > 20:
                last = time.time()
                print(f"step {step} {done:.0%} loss {running:.3f}", flush=True)


def export(net: Net, path: Path, slope: float, offset: float) -> None:
    """Write ONNX with a free batch size and the calibration in its metadata."""
    program = torch.onnx.export(
        net,
        (torch.zeros(4, 3, HEIGHT, WIDTH),),
        dynamo=True,
        input_names=["words"],
        output_names=["odds"],
        dynamic_shapes=({0: torch.export.Dim("count", min=1, max=4096)},),
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


def judge(path: Path, pictures: np.ndarray, truths: np.ndarray) -> list[tuple[float, bool, bool]]:
    judge = InkJudge(path)
    raw = judge._session.run(None, {"words": as_input(pictures)})[0]
    slope, offset = judge._calibration
    return [(float(slope * o + offset), bool(t), bool(t)) for o, t in zip(raw, truths, strict=True)]


def report(results) -> dict[str, object]:
    hand = np.array([o for o, t, _ in results if t])
    prints = np.array([o for o, t, _ in results if not t])
    bands = []
    for low, high in ((0, 0.02), (0.02, 0.1), (0.1, 0.5), (0.5, 0.9), (0.9, 0.98), (0.98, 1.01)):
        inside = [(1 / (1 + math.exp(-o)), t) for o, t, _ in results if low <= 1 / (1 + math.exp(-o)) < high]
        if inside:
            said, was = np.mean(inside, axis=0)
            bands.append([low, high, len(inside), round(float(said), 3), round(float(was), 3)])
    return {
        "windows": len(results),
        "hand_found": round(float((hand > 0).mean()), 4),
        "print_flagged": round(float((prints > 0).mean()), 4),
        "low_high_n_said_was": bands,
    }


def main() -> None:
    args = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    args.add_argument("--fonts", type=Path, required=True, help="folder of npm @fontsource packages")
    args.add_argument("--work", type=Path, required=True, help="scratch folder: weights")
    args.add_argument("--strips", type=int, default=12000)
    args.add_argument("--minutes", type=float, help="CPU time of the training", default=7.0)
    args.add_argument("--threads", type=int, default=1)
    args.add_argument("--start", type=Path, help="weights (.pt) of an earlier run to go on from")
    args.add_argument("--seed", type=int, default=21)
    args.add_argument("--out", type=Path, default=WEIGHTS)
    a = args.parse_args()
    a.work.mkdir(parents=True, exist_ok=True)
    hands, prints = load_faces(a.fonts)
    (hands_in, hands_out), (prints_in, prints_out) = (
        split_faces(hands, HELD_OUT_HANDS),
        split_faces(prints, HELD_OUT_PRINTS),
    )
    pictures, truths = draw_set(Maker(hands_in, prints_in, random.Random(a.seed), 0.6, 0.35), a.strips, 300)
    print(len(truths), "words to learn from,", round(float(truths.mean()), 2), "by hand", flush=True)
    net = train(pictures, truths, a.minutes, a.threads, a.seed, a.start)
    torch.save(net.state_dict(), a.work / "ink.pt")
    export(net, a.out, 1.0, 0.0)
    first = {name for i, name in enumerate(sorted({f.name.rsplit("-", 2)[0] for f in hands_out})) if i % 2}
    fit_hands = [f for f in hands_out if f.name.rsplit("-", 2)[0] in first]
    rest = [f for f in hands_out if f not in fit_hands]
    fit = draw_set(Maker(fit_hands, prints_out, random.Random(1)), 900, 60)
    export(net, a.out, *calibrate(judge(a.out, *fit)))
    test = draw_set(Maker(rest, prints_out, random.Random(2)), 1200, 60)
    print(json.dumps({"held_out": report(judge(a.out, *test)), "bytes": a.out.stat().st_size}, indent=1))


if __name__ == "__main__":
    main()
