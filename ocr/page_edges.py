"""Finds the sheet in a photograph and lays it flat."""

from __future__ import annotations

import cv2
import numpy as np


def find_sheet(pixels: np.ndarray) -> np.ndarray | None:
    """Corners (4, 2) float32 of the sheet, clockwise from top left, when the picture shows a sheet on a background.

    None when the picture is the sheet itself, as from a scanner.
    """
    scale = 500 / max(pixels.shape[:2])
    small = cv2.resize(pixels, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    grey = small if small.ndim == 2 else cv2.cvtColor(small, cv2.COLOR_RGB2GRAY)
    height, width = grey.shape
    blurred = cv2.medianBlur(cv2.morphologyEx(grey, cv2.MORPH_CLOSE, np.ones((9, 9), np.uint8)), 5)
    _, bright = cv2.threshold(blurred, 0, 255, cv2.THRESH_BINARY | cv2.THRESH_OTSU)
    contours, _ = cv2.findContours(bright, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    if not contours:
        return None
    sheet = max(contours, key=cv2.contourArea)
    area = cv2.contourArea(sheet)
    if not 0.25 * width * height < area < 0.985 * width * height:
        return None
    hull = cv2.convexHull(sheet)
    corners = None
    for tolerance in (0.015, 0.02, 0.03, 0.045):
        corners = cv2.approxPolyDP(hull, tolerance * cv2.arcLength(hull, True), True)
        if len(corners) <= 4:
            break
    if corners is None or len(corners) != 4:
        return None
    quad = corners.reshape(4, 2).astype(np.float32)
    if area < 0.9 * cv2.contourArea(quad):
        return None
    inside = np.zeros((height, width), np.uint8)
    cv2.fillConvexPoly(inside, quad.astype(np.int32), 1)
    outside = blurred[cv2.dilate(inside, np.ones((7, 7), np.uint8)) == 0]
    # A photo shows background all round or on at least two sides; a black scanner edge is a thin straight strip.
    if outside.size < 0.04 * width * height:
        return None
    if float(np.median(blurred[inside > 0])) - float(np.median(outside)) < 35:
        return None
    centre = quad.mean(axis=0)
    angle = np.arctan2(quad[:, 1] - centre[1], quad[:, 0] - centre[0])
    quad = quad[np.argsort(angle)]  # clockwise on screen, starting top left
    start = int(np.argmin(quad.sum(axis=1)))
    return np.roll(quad, -start, axis=0) / scale


def flat_matrix(corners: np.ndarray) -> tuple[np.ndarray, tuple[int, int]]:
    """Homography that lays the sheet flat, and the (width, height) it then has, in the pixels of the picture."""
    tl, tr, br, bl = corners
    width = int(round((np.linalg.norm(tr - tl) + np.linalg.norm(br - bl)) / 2))
    height = int(round((np.linalg.norm(bl - tl) + np.linalg.norm(br - tr)) / 2))
    target = np.float32([[0, 0], [width, 0], [width, height], [0, height]])
    return cv2.getPerspectiveTransform(corners.astype(np.float32), target), (width, height)
