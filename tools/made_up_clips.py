"""Made-up clips for the fit of a base model: photographs in motion.

Usage: made_up_clips.py --photos FOLDER --stamps FOLDER [-n 40] [-t 17] [--seed 1] [--out FILE.yuv]

Each clip has a background photograph under a smooth camera path, 0-4 moving
and deforming cut-outs in front, and optionally a locally deforming background,
light changes, motion blur and sensor noise.  Pictures are rendered at twice the
size and averaged down.  Output: one raw yuv420p file (8 bit, BT.601 limited
range), clips one after the other, and a json listing.

Clip k depends only on (--seed, k, N) and the picture folders.
"""

import argparse
import functools
import glob
import json
import os

import cv2
import numpy as np

cv2.setNumThreads(1)
W, H, SS = 320, 192, 2


@functools.lru_cache(maxsize=6)
def load(path):
    im = cv2.imread(path, cv2.IMREAD_UNCHANGED)
    if im.ndim == 2:
        im = cv2.cvtColor(im, cv2.COLOR_GRAY2BGR)
    return im


def smooth_field(rng, cells, w, h):
    """Smooth random 2-vector field, about `cells` bumps across, peak size 1."""
    gh = max(2, round(cells * h / w)) + 3
    g = rng.standard_normal((gh, cells + 3, 2)).astype(np.float32)
    f = cv2.resize(g, (w, h), interpolation=cv2.INTER_CUBIC)
    return f / (np.abs(f).max() + 1e-6)


def pick_speed(rng):
    """Pixels per picture: many still or slow, some fast."""
    u = rng.random()
    if u < 0.25:
        return 0.0
    if u < 0.58:
        return rng.uniform(0.1, 1.2)
    if u < 0.82:
        return rng.uniform(1.2, 4.0)
    return rng.uniform(4.0, 10.0)


class Path:
    """Smooth displacement along a slowly bending line, as a function of time."""

    def __init__(self, rng, speed, t_len):
        n = t_len + 1
        tt = np.arange(n)
        kind = rng.choice(["const", "const", "ease", "wave"])
        if kind == "const":
            v = np.ones(n)
        elif kind == "ease":
            v = np.clip((tt - rng.uniform(-8, 8)) / rng.uniform(5, 12), 0, 1)
            v = v if rng.random() < 0.5 else v[::-1]
        else:
            v = np.sin(2 * np.pi * (tt / rng.uniform(10, 40) + rng.random()))
        a = rng.uniform(0, 2 * np.pi)
        if rng.random() < 0.5:  # mostly horizontal moves
            a = rng.choice([0, np.pi]) + rng.normal(0, 0.12)
        ang = a + rng.normal(0, 0.03) * tt
        step = speed * v[:, None] * np.stack([np.cos(ang), np.sin(ang)], 1)
        self.p = np.concatenate([np.zeros((1, 2)), np.cumsum(step, 0)])

    def __call__(self, t):
        i = int(np.clip(np.floor(t), 0, len(self.p) - 2))
        return self.p[i] + (self.p[i + 1] - self.p[i]) * (t - i)


class Jitter:
    """Hand-held shake: a few sinusoids of random frequency and phase."""

    def __init__(self, rng, amp):
        k = 4
        self.f = rng.uniform(0.03, 0.28, (k, 2))
        self.a = amp * rng.normal(0, 0.6, (k, 2)) * (0.06 / self.f) ** 0.5
        self.ph = rng.uniform(0, 6.283, (k, 2))

    def __call__(self, t):
        return (self.a * np.sin(6.283 * self.f * t + self.ph)).sum(0)


def rate_or_zero(rng, p_zero, sd, lim):
    return 0.0 if rng.random() < p_zero else float(np.clip(rng.normal(0, sd), -lim, lim))


def text_page(rng):
    """A page or screen of text with boxes; drawn at rendering resolution."""
    w, h = 1300, 1100
    dark = rng.random() < 0.4
    bg = rng.integers(10, 60, 3) if dark else rng.integers(200, 250, 3)
    im = np.empty((h, w, 3), np.uint8)
    im[:] = bg
    base = rng.integers(170, 250, 3) if dark else rng.integers(0, 80, 3)
    for _ in range(rng.integers(1, 4)):  # panels
        x, y = rng.integers(0, w - 300), rng.integers(0, h - 200)
        cv2.rectangle(
            im,
            (int(x), int(y)),
            (int(x + rng.integers(200, 600)), int(y + rng.integers(80, 300))),
            tuple(int(c) for c in rng.integers(0, 255, 3)),
            -1,
        )
    letters = np.array(list("etaoinshrdlucmfwypvbgkETAOINSHR0123456789.,:()"))
    y = 30
    while y < h:
        size = rng.choice([0.6, 0.8, 0.8, 1.0, 1.6])
        x = int(rng.integers(10, 120))
        font = int(rng.choice([cv2.FONT_HERSHEY_SIMPLEX, cv2.FONT_HERSHEY_DUPLEX, cv2.FONT_HERSHEY_COMPLEX]))
        col = base if rng.random() < 0.8 else rng.integers(0, 255, 3)
        words = ["".join(rng.choice(letters, rng.integers(2, 10))) for _ in range(rng.integers(4, 22))]
        cv2.putText(
            im,
            " ".join(words),
            (x, y),
            font,
            float(size),
            tuple(int(c) for c in col),
            2 if size < 1.2 else 3,
            cv2.LINE_AA,
        )
        y += int(34 * size + rng.integers(6, 24))
    return im


def blob_mask(rng, n):
    """Irregular closed outline (round blob or polygon) in an n x n patch, 0..1, soft edge."""
    if rng.random() < 0.65:
        th = np.linspace(0, 2 * np.pi, 90, endpoint=False)
        r = np.ones_like(th)
        for k in range(2, 7):
            r += rng.normal(0, 0.22 / k) * np.sin(k * th + rng.uniform(0, 6.283))
    else:
        th = np.sort(rng.uniform(0, 2 * np.pi, rng.integers(4, 9)))
        r = rng.uniform(0.6, 1.0, len(th))
    ax = rng.uniform(0.55, 1.0)
    pts = np.stack([r * np.cos(th), ax * r * np.sin(th)], 1)
    pts = pts / np.abs(pts).max() * (n * 0.46) + n / 2
    m = np.zeros((n, n), np.uint8)
    cv2.fillPoly(m, [np.round(pts * 16).astype(np.int32)], 255, cv2.LINE_AA, 4)
    return cv2.GaussianBlur(m.astype(np.float32) / 255, (0, 0), rng.choice([0.6, 0.8, 1.2, 2.5]))


class Sprite:
    """A cut-out that moves, turns, grows and bends."""

    def __init__(self, rng, bank, kind, t_len, cam_speed):
        size = float(np.exp(rng.uniform(np.log(30), np.log(150))))  # output pixels
        n = int(size * SS)
        if kind == "photo" and bank["stamps"] and rng.random() < 0.45:
            self.src = str(rng.choice(bank["stamps"]))
            im = load(self.src)
            s = n / max(im.shape[:2])
            im = cv2.resize(im, None, fx=s, fy=s, interpolation=cv2.INTER_AREA if s < 1 else cv2.INTER_CUBIC)
            if rng.random() < 0.5:
                im = im[:, ::-1]
            a = cv2.GaussianBlur(im[..., 3].astype(np.float32) / 255, (0, 0), 0.7)
            rgb = im[..., :3].astype(np.float32) * rng.uniform(0.75, 1.05)
        else:
            self.src = str(rng.choice(bank["cartoon" if kind != "photo" else "photo"]))
            im = load(self.src)[..., :3]
            c = int(min(min(im.shape[:2]), n * rng.uniform(0.8, 2.5)))
            y, x = rng.integers(0, im.shape[0] - c + 1), rng.integers(0, im.shape[1] - c + 1)
            im = im[y : y + c, x : x + c]
            im = cv2.resize(im, (n, n), interpolation=cv2.INTER_AREA if c > n else cv2.INTER_CUBIC)
            rgb, a = im.astype(np.float32), blob_mask(rng, n)
        pad = max(4, n // 6)
        rgb = cv2.copyMakeBorder(np.ascontiguousarray(rgb), pad, pad, pad, pad, cv2.BORDER_REPLICATE)
        a = cv2.copyMakeBorder(np.ascontiguousarray(a), pad, pad, pad, pad, cv2.BORDER_CONSTANT)
        self.rgba = np.dstack([rgb * a[..., None], a])  # premultiplied
        self.size = size
        sp = pick_speed(rng) * 0.8
        self.path = Path(rng, sp, t_len)
        self.world = rng.random() < 0.6  # moves along with the scene
        self.parallax = max(1.0, rng.uniform(0.5, 1.5)) if self.world else 0.0
        if self.world and cam_speed > 1 and rng.random() < 0.35:
            sp, self.path = 0.0, Path(rng, 0.0, t_len)  # still thing nearer to the camera
        self.speed = sp
        mid = np.array([rng.uniform(0.05, 0.95) * W, rng.uniform(0.1, 0.95) * H])
        self.t_mid = rng.uniform(0, t_len)
        self.mid = mid
        self.a0 = rng.normal(0, 10)
        self.da = rate_or_zero(rng, 0.45, 1.5, 5)
        self.dz = rate_or_zero(rng, 0.45, 0.008, 0.025)
        h, w = a.shape
        self.f = smooth_field(rng, int(rng.integers(2, 4)), w, h)
        self.f_amp = 0.0 if rng.random() < 0.35 else rng.uniform(0.01, 0.06) * n
        self.f_per, self.f_ph = rng.uniform(8, 40), rng.uniform(0, 6.283)
        self.shadow = rng.random() < 0.25

    def draw(self, canvas, t, cam):
        h, w = self.rgba.shape[:2]
        pos = self.mid + self.path(t) - self.path(self.t_mid)
        ang = np.deg2rad(self.a0 + self.da * t)
        z = np.exp(self.dz * (t - self.t_mid))
        if self.world:  # seen through the moving camera
            dz, da, ctr = cam.dz * (t - self.t_mid), np.deg2rad(cam.da * (t - self.t_mid)), np.array([W, H]) / 2
            c, s = np.cos(da) * np.exp(dz), np.sin(da) * np.exp(dz)
            x, y = pos - ctr - self.parallax * cam.shift(t, self.t_mid)
            pos = ctr + np.array([c * x + s * y, -s * x + c * y])
            z, ang = z * np.exp(dz), ang - da
        cx, cy = pos * SS
        ext = 0.75 * max(h, w) * z
        x0, x1 = int(max(0, cx - ext)), int(min(canvas.shape[1], cx + ext))
        y0, y1 = int(max(0, cy - ext)), int(min(canvas.shape[0], cy + ext))
        if x1 - x0 < 2 or y1 - y0 < 2:
            return
        gx, gy = np.meshgrid(np.arange(x0, x1, dtype=np.float32) - cx, np.arange(y0, y1, dtype=np.float32) - cy)
        c, s = np.cos(ang) / z, np.sin(ang) / z
        mx = (c * gx + s * gy + w / 2).astype(np.float32)
        my = (-s * gx + c * gy + h / 2).astype(np.float32)
        if self.f_amp:
            d = cv2.remap(self.f, mx, my, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
            d = d * (self.f_amp * np.sin(6.283 * t / self.f_per + self.f_ph))
            mx, my = (mx + d[..., 0]).astype(np.float32), (my + d[..., 1]).astype(np.float32)
        p = cv2.remap(self.rgba, mx, my, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT)
        a = p[..., 3:]
        reg = canvas[y0:y1, x0:x1]
        if self.shadow:
            sh = cv2.GaussianBlur(np.roll(p[..., 3], (6, 4), (0, 1)), (0, 0), 5)[..., None]
            reg *= 1 - 0.45 * sh
        reg *= 1 - a
        reg += p[..., :3]


class Clip:
    def __init__(self, seed, k, kind, bank, t_len, bg_path):
        rng = self.rng = np.random.default_rng([seed, k])
        self.t_len, self.kind, self.bg = t_len, kind, bg_path
        self.speed = pick_speed(rng)
        if kind == "text" and rng.random() < 0.7:
            self.speed = rng.uniform(0.5, 6)
        self.cam = Path(rng, self.speed, t_len)
        amp = rng.uniform(0.1, 1.2) if rng.random() < 0.4 and kind != "text" else 0.0
        self.jit, self.jit_amp = Jitter(rng, amp), amp
        self.dz = rate_or_zero(rng, 0.5, 0.006, 0.02)
        self.da = rate_or_zero(rng, 0.65, 0.25, 0.8)
        self._place(rng)
        nobj = int(rng.choice([0, 1, 2, 3, 4], p=[0.2, 0.25, 0.25, 0.18, 0.12]))
        if kind == "text":
            nobj = min(nobj, 1)
        self.sprites = [Sprite(rng, bank, kind, t_len, self.speed) for _ in range(nobj)]
        # local background deformation
        self.def_mode, self.def_amp = "none", 0.0
        if kind == "photo" and rng.random() < 0.4:
            self.def_mode = str(rng.choice(["grow", "wave", "local"]))
            cells = int(rng.integers(8, 16)) if self.def_mode == "wave" else int(rng.integers(3, 7))
            bh, bw = self.img.shape[:2]
            self.f1 = smooth_field(rng, cells, bw // 4, bh // 4)
            self.f2 = smooth_field(rng, cells, bw // 4, bh // 4)
            self.def_amp = rng.uniform(0.15, 1.3) if self.def_mode != "wave" else rng.uniform(0.5, 2.0)
            if self.def_mode == "local":
                c = self.center0 / 4 + rng.normal(0, 25, 2) * SS / 4
                yy, xx = np.mgrid[0 : bh // 4, 0 : bw // 4]
                s = rng.uniform(25, 60) * SS / 4
                win = np.exp(-((xx - c[0]) ** 2 + (yy - c[1]) ** 2) / (2 * s * s)).astype(np.float32)[..., None]
                self.f1, self.f2, self.def_amp = self.f1 * win, self.f2 * win, self.def_amp * 1.5
            self.def_per = rng.uniform(10, 40)
        # light
        self.g0 = self.g1 = 1.0
        self.flick = 0.0
        u = rng.random()
        if u < 0.08:
            self.g1 = rng.uniform(0.55, 1.35)
        elif u < 0.13:
            self.g0, self.g1 = (1.0, rng.uniform(0.0, 0.3)) if rng.random() < 0.5 else (rng.uniform(0.0, 0.3), 1.0)
        elif u < 0.18:
            self.flick = rng.uniform(0.01, 0.04)
        self.shutter = rng.uniform(0.3, 0.9) if rng.random() < 0.7 and kind != "text" else 0.0
        self.noise = rng.uniform(0.4, 2.5) if rng.random() < 0.4 and kind == "photo" else 0.0
        self.noise_corr = rng.uniform(0.3, 0.7)
        self.sharp = float(rng.choice([0, 0, 0, 0.4, 0.6, 0.9, -0.3, -0.5]))  # <0: sharpened, >0: blur sigma
        self.contrast = rng.uniform(0.8, 1.08)
        self.offset = rng.uniform(-6, 10)

    def _place(self, rng):
        """Scale the photograph to rendering density and put the path inside it."""
        src = text_page(rng) if self.kind == "text" else load(self.bg)[..., :3]
        p = np.array([self.cam(t) for t in range(self.t_len + 1)])
        zmin = np.exp(min(0, self.dz * self.t_len))
        turned = 1 + 0.5 * abs(np.sin(np.deg2rad(self.da * self.t_len / 2)))
        need = np.array([W, H]) / zmin * turned + 8 + 6 * self.jit_amp
        need = need + np.ptp(p, axis=0)
        rmax = min(src.shape[1] / need[0], src.shape[0] / need[1])  # source pixels per output pixel
        if self.kind == "text":
            r = min(2.0, rmax)
        else:
            lo = 1.0
            r = rmax if rmax <= lo else float(np.exp(rng.uniform(np.log(max(lo, rmax * 0.45)), np.log(rmax))))
        self.ratio = float(r)
        s = SS / r
        img = cv2.resize(src, None, fx=s, fy=s, interpolation=cv2.INTER_AREA if s < 1 else cv2.INTER_CUBIC)
        if rng.random() < 0.5 and self.kind == "photo":
            img = img[:, ::-1]
        self.img = np.ascontiguousarray(img)
        room = np.array(self.img.shape[1::-1]) - need * SS
        corner, best = None, -1.0
        for _ in range(3):  # of three places, the one with the most detail
            c = rng.random(2) * np.maximum(room, 0) + np.minimum(room, 0) / 2
            x, y = np.maximum(c, 0).astype(int)
            g = cv2.cvtColor(self.img[y : y + int(need[1] * SS) : 3, x : x + int(need[0] * SS) : 3], cv2.COLOR_BGR2GRAY)
            score = float(np.abs(np.diff(g.astype(np.float32), axis=1)).mean())
            if score > best:
                corner, best = c, score
        mid = (p.max(0) + p.min(0)) / 2
        self.center0 = corner + need * SS / 2 - mid * SS  # centre at zero displacement

    def shift(self, t, t0):
        """How far the scene moved between t0 and t, in screen pixels as they are at t0."""
        x, y = self.cam(t) + self.jit(t) - self.cam(t0) - self.jit(t0)
        a = np.deg2rad(self.da * (t0 - self.t_len / 2))
        c, s = np.cos(a) * np.exp(self.dz * t0), np.sin(a) * np.exp(self.dz * t0)
        return np.array([c * x + s * y, -s * x + c * y])

    def render(self, t):
        w, h = W * SS, H * SS
        gx, gy = np.meshgrid(np.arange(w, dtype=np.float32) - (w - 1) / 2, np.arange(h, dtype=np.float32) - (h - 1) / 2)
        z = np.exp(-self.dz * t)
        a = np.deg2rad(self.da * (t - self.t_len / 2))
        c, s = np.cos(a) * z, np.sin(a) * z
        cx, cy = self.center0 + (self.cam(t) + self.jit(t)) * SS
        mx, my = c * gx - s * gy + cx, s * gx + c * gy + cy
        if self.def_amp:
            ph = 6.283 * t / self.def_per
            if self.def_mode == "grow":
                k1, k2 = t, 2 * np.sin(ph)
            else:
                k1, k2 = np.cos(ph) * self.def_per / 6.283, np.sin(ph) * self.def_per / 6.283
            f = (self.f1 * np.float32(k1) + self.f2 * np.float32(k2)) * np.float32(self.def_amp * SS)
            d = cv2.remap(
                f,
                (mx / 4).astype(np.float32),
                (my / 4).astype(np.float32),
                cv2.INTER_LINEAR,
                borderMode=cv2.BORDER_REFLECT_101,
            )
            mx, my = mx + d[..., 0], my + d[..., 1]
        cv = cv2.remap(
            self.img, mx.astype(np.float32), my.astype(np.float32), cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT_101
        ).astype(np.float32)
        for sp in self.sprites:
            sp.draw(cv, t, self)
        return cv2.resize(cv, (W, H), interpolation=cv2.INTER_AREA)

    def pictures(self):
        vmax = max([self.speed] + [sp.speed + (self.speed if sp.world else 0) for sp in self.sprites])
        sub = int(np.clip(np.ceil(vmax * self.shutter * 1.2), 1, 9)) if vmax > 1 and self.shutter else 1
        for t in range(self.t_len):
            off = (np.arange(sub) / sub) * self.shutter
            im = sum(self.render(t + o) for o in off) / sub
            if self.sharp > 0:
                im = cv2.GaussianBlur(im, (0, 0), self.sharp)
            elif self.sharp < 0:
                im = im - self.sharp * (im - cv2.GaussianBlur(im, (0, 0), 1.0))
            g = self.g0 + (self.g1 - self.g0) * t / (self.t_len - 1)
            g *= 1 + self.flick * self.rng.normal()
            yield self.to_yuv(g * ((im - 128) * self.contrast + 128 + self.offset))

    def to_yuv(self, bgr):
        b, g, r = cv2.split(np.clip(bgr, 0, 255).astype(np.float32) / 255)
        y = 0.299 * r + 0.587 * g + 0.114 * b
        u, v = (b - y) / 1.772, (r - y) / 1.402
        y = 16 + 219 * y
        u, v = (128 + 224 * cv2.resize(c, (W // 2, H // 2), interpolation=cv2.INTER_AREA) for c in (u, v))
        if self.noise:
            n = self.rng.standard_normal((H, W)).astype(np.float32)
            n = cv2.GaussianBlur(n, (0, 0), self.noise_corr)
            y = y + self.noise * n / n.std()
            u = u + 0.4 * self.noise * self.rng.standard_normal(u.shape)
            v = v + 0.4 * self.noise * self.rng.standard_normal(v.shape)
        q = [np.clip(np.rint(y), 16, 235)] + [np.clip(np.rint(c), 16, 240) for c in (u, v)]
        return b"".join(c.astype(np.uint8).tobytes() for c in q)

    def info(self):
        return {
            "kind": self.kind,
            "background": os.path.basename(self.bg),
            "source_px_per_px": round(self.ratio, 2),
            "camera_speed": round(float(self.speed), 2),
            "zoom_rate": round(self.dz, 4),
            "rotation_deg": round(self.da, 3),
            "jitter": round(float(self.jit_amp), 2),
            "deform": self.def_mode,
            "deform_amp": round(float(self.def_amp), 2),
            "objects": [
                {
                    "src": os.path.basename(s.src),
                    "size": round(s.size),
                    "speed": round(float(s.speed), 2),
                    "with_scene": bool(s.world),
                }
                for s in self.sprites
            ],
            "gain": [round(float(self.g0), 2), round(float(self.g1), 2)],
            "flicker": round(float(self.flick), 3),
            "shutter": round(float(self.shutter), 2),
            "noise": round(float(self.noise), 2),
            "blur": self.sharp,
        }


def main():
    ap = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    ap.add_argument("-n", type=int, default=40, help="clips")
    ap.add_argument("-t", type=int, default=17, help="pictures per clip")
    ap.add_argument("--seed", type=int, default=1)
    ap.add_argument("--photos", required=True, help="photo_* and cartoon_* pictures")
    ap.add_argument("--stamps", required=True, help="cut-outs with alpha, *.png")
    ap.add_argument("--out", default=f"base_{W}x{H}.yuv")
    a = ap.parse_args()
    bank = {k: sorted(glob.glob(f"{a.photos}/{k}_*")) for k in ("photo", "cartoon")}
    bank["stamps"] = sorted(glob.glob(f"{a.stamps}/*.png"))
    rng = np.random.default_rng(a.seed)
    n_art = round(0.15 * a.n)
    n_text = round(0.35 * n_art)
    kinds = rng.permutation(["text"] * n_text + ["cartoon"] * (n_art - n_text) + ["photo"] * (a.n - n_art))
    decks = {"photo": [], "cartoon": []}
    items = []
    with open(a.out, "wb") as f:
        for k, kind in enumerate(kinds):
            kind = str(kind)
            bg = "text"
            if kind != "text":  # every photograph once before any comes again
                if not decks[kind]:
                    decks[kind] = list(rng.permutation(bank[kind]))
                bg = str(decks[kind].pop())
            clip = Clip(a.seed, k, kind, bank, a.t, bg)
            for pic in clip.pictures():
                f.write(pic)
            items.append({"clip": k, "first_picture": k * a.t, "pictures": a.t, **clip.info()})
            print(k, kind, os.path.basename(bg), f"{clip.speed:.2f}", clip.def_mode, len(clip.sprites), flush=True)
    with open(os.path.splitext(a.out)[0] + ".json", "w") as f:
        json.dump(
            {
                "width": W,
                "height": H,
                "format": "yuv420p",
                "range": "limited",
                "matrix": "bt601",
                "seed": a.seed,
                "clips": items,
            },
            f,
            indent=1,
        )


if __name__ == "__main__":
    main()
