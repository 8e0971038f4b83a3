"""The search for vector fields: optical flow first, then nodes fitted to what the decoder will do with them.

Flow is dense and knows nothing of bits. `fit_field` therefore solves for the nodes whose bilinear interpolation makes
the warped reference match the picture (least squares over image gradients, so that areas without texture have no say),
then tries integer vectors node by node: squared error over the node's support, plus lam times the bits of its symbol
and of the symbols that it predicts. Nodes of equal row and column parity have supports that don't overlap, so a quarter
of the field is tried at once, by one warp. Nothing here is normative: warps are OpenCV's.

Planes are (H, W) luma; flow is float32 (H, W, 2), (dy, dx) in samples; fields as in `synthesis.vectors`.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence

import cv2
import numpy as np

from nvcodec.encoder.vector_field import choose_scale_index, codable, scale_costs, symbol_counts
from nvcodec.entropy.latents import wrap
from nvcodec.entropy.tables import SYMBOL_MIN
from nvcodec.synthesis.arrays import Array
from nvcodec.synthesis.choices import FIRST, MEAN
from nvcodec.synthesis.vectors import (
    STEPS,
    VECTOR_MAX,
    VECTOR_MIN,
    PyramidPass,
    pyramid,
)

FLOW_MINIMUM_SIZE = 32  # the flow's own pyramid needs some picture to stand on; smaller ones are padded
QUARTER = 4
EFFORT = 2

# 8-tap interpolation at 1/4, 2/4 and 3/4 sample, over 64.
_TAPS = ((-1, 4, -10, 58, 17, -5, 1, 0), (-1, 4, -11, 40, 40, -11, 4, -1), (0, 1, -5, 17, 58, -10, 4, -1))
CHOICE_BLOCK = 16
"""Samples each way whose errors decide which reference counts there."""
CHOICE_MARGIN = 4.0
"""Mean squared error by which one reference must be better than the mean of both."""
WEIGHT_IN_MEAN, WEIGHT_OF_OTHER, WEIGHT_OF_ONE = 0.25, 0.01, 0.5
"""Of squared errors where the mean is taken, where the other reference is, and of pictures with one reference."""
_SOLVER_STEPS = 40
_STIFFNESS = 0.2  # squared differences between neighbours that cost as much as a bit, in quarter samples
_BLOCK_PULL = 0.01  # the same, to where a block's vector was
_CHOICE_WINDOW = 15  # samples over which `best_flow` compares errors
STEP_SIZES = ((8, 2), (4, 1))  # quarter samples, tried by turns
STEPS_AROUND = ((-1, 0), (1, 0), (0, -1), (0, 1))


def to_8_bit(luma: Array, bit_depth: int) -> Array:
    """Luma as the search wants it: uint8."""
    return (luma >> (bit_depth - 8)).astype(np.uint8)


def search(current: Array, reference: Array, initial: Array | None = None) -> Array:
    """Flow from an 8-bit picture to its reference: sample (y, x) looks like the reference's (y + dy, x + dx).

    initial: flow to start from, for distances that the flow's own pyramid can't bridge.
    """
    height, width = current.shape
    below, right = (max(0, FLOW_MINIMUM_SIZE - size) for size in (height, width))
    current, reference = (
        cv2.copyMakeBorder(plane, 0, below, 0, right, cv2.BORDER_REPLICATE) for plane in (current, reference)
    )
    start = None
    if initial is not None:
        start = cv2.copyMakeBorder(_xy(initial), 0, below, 0, right, cv2.BORDER_REPLICATE)
    flow = cv2.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM).calc(current, reference, start)
    return _xy(flow[:height, :width])


def chain(flows: Sequence[Array]) -> Array:
    """One flow from several: the first leaves the current picture, each next one starts where the last arrived."""
    total = flows[0]
    for flow in flows[1:]:
        total = total + _at(flow, total)
    return total


def best_flow(current: Array, reference: Array, flows: Sequence[Array]) -> Array:
    """Sample by sample, the flow that predicts the 8-bit picture's surroundings best."""
    window = (_CHOICE_WINDOW, _CHOICE_WINDOW)
    errors = [cv2.blur((_at(reference, flow).astype(np.float32) - current) ** 2, window) for flow in flows]
    return np.take_along_axis(np.stack(flows), np.argmin(errors, 0)[None, ..., None], 0)[0]


def reference_weights(current: Array, references: Sequence[Array], flows: Sequence[Array]) -> list[Array]:
    """How much errors of each reference's prediction count, (H, W) float32, by what dense flow says of each place.

    Little where the other reference alone serves, a part of it where the mean does. One reference: the same everywhere.
    """
    if len(references) == 1:
        return [np.full(current.shape, WEIGHT_OF_ONE, np.float32)]
    warped = [_at(reference, flow).astype(np.float32) for reference, flow in zip(references, flows, strict=True)]
    choice = likely_choice(current, warped)
    return [choice_weight(choice, k) for k in range(2)]


def likely_choice(current: Array, predictions: Sequence[Array]) -> Array:
    """(H, W) of `synthesis.choices`' MEAN, FIRST, SECOND: what predicts each place's surroundings best.

    predictions: two, (H, W) float32; a single one must be better than their mean by CHOICE_MARGIN.
    """
    window = (CHOICE_BLOCK, CHOICE_BLOCK)
    tried = (0.5 * (predictions[0] + predictions[1]), *predictions)
    errors = np.stack([cv2.blur((each - current) ** 2, window) for each in tried])
    errors[1:] += CHOICE_MARGIN
    return np.asarray(errors.argmin(0))


def choice_weight(choice: Array, k: int) -> Array:
    """How much errors of reference k's prediction count under such choices, (H, W) float32."""
    weight = np.where(choice == MEAN, WEIGHT_IN_MEAN, np.where(choice == FIRST + k, 1.0, WEIGHT_OF_OTHER))
    return weight.astype(np.float32)


def least(fields: Sequence[Array], errors: Sequence[Array]) -> tuple[Array, Array]:
    """Node by node, the vector with the smallest error, and that error; errors: (h, w) of each field (h, w, 2)."""
    choice = np.argmin(errors, 0)[None]
    return np.take_along_axis(np.stack(fields), choice[..., None], 0)[0], np.min(errors, 0)


def global_vector(flow: Array) -> tuple[int, int]:
    """The median vector of a flow, (dy, dx) in quarter samples, within the range of vectors."""
    median = np.clip(np.rint(np.median(flow, (0, 1)) * QUARTER), VECTOR_MIN, VECTOR_MAX)
    return int(median[0]), int(median[1])


def fit_field(
    current: Array,
    reference: Array,
    flow: Array,
    block_log2: int,
    base: Array,
    lam: float,
    effort: int = EFFORT,
    reference_index: int = 0,
    other_flows: Sequence[Array] = (),
) -> tuple[Array, float]:
    """The field (h, w, 2) for an 8-bit picture and reference, and its cost: least squared error plus lam times bits.

    base: (h, w, 2) field that differences are taken from; lam: squared error (8-bit luma) per bit; effort: rounds of
    greedy refinement, 0 for none; reference_index: 0 or 1, for the contexts; other_flows: more flows, whose vectors
    compete node by node. The result has been through `codable`.
    """
    fit = FieldFit(current, upsampled(reference), block_log2, base, lam, reference_index)
    return fit_with(fit, (flow, *other_flows), effort)


def fit_with(fit: FieldFit, flows: Sequence[Array], effort: int, others: Sequence[Array] = ()) -> tuple[Array, float]:
    """`fit_field` of a fit at hand, by one flow or several; others: more fields to start from."""
    base = fit.base
    fields = [base, *others]
    for each in flows:
        solved = fit.solve(cv2.copyMakeBorder(_xy(each) * QUARTER, *fit.border, cv2.BORDER_REPLICATE))
        fields += [fit.averaged(each), solved, fit.solve(fit.dense(solved))]
    fields.append(fit.mixed(fields))
    candidates = [codable(field, base) for field in fields]
    field = candidates[int(np.argmin([fit.cost(each) for each in candidates]))]
    for number in range(effort):
        solved = codable(fit.solve(fit.dense(field)), base)
        steps = STEP_SIZES[number % len(STEP_SIZES)]
        field = codable(fit.refine(field, [*candidates, solved], steps), base)
    return field, fit.cost(field)


class FieldFit:
    """One picture, one reference, one node grid. Inside, planes are padded to whole blocks, and dense vectors are
    (dx, dy) in quarter samples, float32, as OpenCV has them. stepped: vectors are constant in blocks."""

    def __init__(
        self,
        current: Array,
        finer: Array,
        block_log2: int,
        base: Array,
        lam: float,
        reference_index: int,
        weight: Array | None = None,
        stepped: bool = False,
    ) -> None:
        """finer: the reference as `upsampled` makes it; weight: (H, W) of squared errors, 1 by default."""
        self.stepped = stepped
        self.block, self.base, self.lam, self.index = 1 << block_log2, base.astype(np.int32), lam, reference_index
        self.size = current.shape
        self.shape = base.shape[:2]
        rows, columns = (count * self.block for count in self.shape)
        self.border = (0, rows - self.size[0], 0, columns - self.size[1])
        self.current = cv2.copyMakeBorder(current, *self.border, cv2.BORDER_REPLICATE).astype(np.float32)
        self.root: Array | None = None
        if weight is not None:
            self.root = self._root(weight)
        self.finer = finer
        grid = np.meshgrid(np.arange(columns), np.arange(rows))
        self.positions = QUARTER * np.dstack(grid).astype(np.float32)

    def _root(self, weight: Array) -> Array:
        """Of the weights of squared errors, 0 outside the picture."""
        return np.asarray(cv2.copyMakeBorder(np.sqrt(weight), *self.border, cv2.BORDER_CONSTANT, value=0))

    def against(self, target: Array, weight: Array, base: Array) -> FieldFit:
        """The same for another target, with weights of squared errors, both (H, W) float32, and another base."""
        made = copy.copy(self)
        made.current = cv2.copyMakeBorder(target, *self.border, cv2.BORDER_REPLICATE)
        made.root, made.base = self._root(weight), base.astype(np.int32)
        return made

    def finer_blocks(self, log2: int) -> FieldFit:
        """The same with smaller blocks; those outside the picture are there, too."""
        made = copy.copy(self)
        times = self.block >> log2
        made.block, made.shape = 1 << log2, (self.shape[0] * times, self.shape[1] * times)
        return made

    def averaged(self, flow: Array) -> Array:
        """The flow's mean over each block, rounded."""
        padded = cv2.copyMakeBorder(flow * QUARTER, *self.border, cv2.BORDER_REPLICATE)
        means = cv2.resize(padded, self.shape[::-1], interpolation=cv2.INTER_AREA)
        return np.rint(means).astype(np.int32).reshape(*self.shape, 2)

    def dense(self, field: Array) -> Array:
        """Interpolated vectors, (dx, dy) float32."""
        rows, columns = self.current.shape
        if self.stepped:
            return cv2.resize(_xy(field.astype(np.float32)), (columns, rows), interpolation=cv2.INTER_NEAREST)
        return cv2.resize(_xy(field.astype(np.float32)), (columns, rows), interpolation=cv2.INTER_LINEAR)

    def warped(self, dense: Array) -> Array:
        """The reference at positions rounded to quarter samples."""
        return cv2.remap(
            self.finer, cv2.add(self.positions, dense), None, cv2.INTER_NEAREST, borderMode=cv2.BORDER_REPLICATE
        )

    def errors(self, field: Array) -> Array:
        """Squared error over each node's support, (h, w): the block, and half a block around it if not stepped."""
        difference = self._inside(cv2.subtract(self.warped(self.dense(field)), self.current, dtype=cv2.CV_32F))
        h, w = self.shape
        if self.stepped:
            means = cv2.resize(cv2.multiply(difference, difference), (w, h), interpolation=cv2.INTER_AREA)
            return np.asarray(means.reshape(h, w) * self.block**2)
        half = cv2.resize(cv2.multiply(difference, difference), (2 * w, 2 * h), interpolation=cv2.INTER_AREA)
        half = np.pad(half.reshape(2 * h, 2 * w) * (self.block // 2) ** 2, 1)
        rows = sum(half[k : k + 2 * h : 2] for k in range(4))
        return sum(rows[:, k : k + 2 * w : 2] for k in range(4))

    def sampled(self, flow: Array) -> list[Array]:
        """The flow at five places of each block."""
        padded = cv2.copyMakeBorder(flow * QUARTER, *self.border, cv2.BORDER_REPLICATE)
        part = self.block // 4
        places = ((2 * part, 2 * part), (part, part), (part, 3 * part), (3 * part, part), (3 * part, 3 * part))
        return [np.rint(padded[y :: self.block, x :: self.block]).astype(np.int32) for y, x in places]

    def mixed(self, fields: list[Array]) -> Array:
        """Node by node, the vector of the field with the smallest error there."""
        return least(fields, [self.errors(each) for each in fields])[0]

    def cost(self, field: Array) -> float:
        """Squared error of the whole picture plus lam times the field's bits."""
        difference = self._inside(self.warped(self.dense(field)) - self.current)
        _, bits = choose_scale_index(symbol_counts(field - self.base, self.index))
        return float(cv2.norm(difference, cv2.NORM_L2SQR)) + self.lam * bits

    def _inside(self, values: Array) -> Array:
        """Differences or gradients times the square root of their weight; zero outside the picture."""
        if self.root is not None:
            return np.asarray(values * self.root)
        values[self.size[0] :] = 0
        values[:, self.size[1] :] = 0
        return values

    # --- least squares -----------------------------------------------------------------------------------------------

    def solve(self, dense: Array) -> Array:
        """Nodes that minimise the error, linearised around dense vectors, plus a penalty on uneven differences."""
        warped = cv2.GaussianBlur(self.warped(dense).astype(np.float32), (3, 3), 0)
        gy, gx = (
            self._inside(cv2.Sobel(warped, cv2.CV_32F, dx, dy, ksize=3, scale=1 / (8 * QUARTER)))
            for dx, dy in ((0, 1), (1, 0))
        )
        error = warped - cv2.GaussianBlur(self.current, (3, 3), 0)
        target = gx * dense[..., 0] + gy * dense[..., 1] - (error if self.root is None else error * self.root)
        if self.stepped:
            return self._solve_blocks(gy, gx, target, dense)
        matrix = self._cell_matrices([gy * gy, gy * gx, gx * gx])
        goal = self._gather_cells(self._moments([gy * target, gx * target], products=False))
        start = self.averaged_dense(dense)
        nodes = self._conjugate_gradients(matrix, goal, start)
        return np.clip(np.rint(nodes), VECTOR_MIN, VECTOR_MAX).astype(np.int32)

    def _solve_blocks(self, gy: Array, gx: Array, target: Array, dense: Array) -> Array:
        """`solve` where each block is on its own: two unknowns, and a pull towards where they are."""
        h, w = self.shape
        yy, yx, xx, ty, tx = (
            cv2.resize(each, (w, h), interpolation=cv2.INTER_AREA).reshape(h, w) * self.block**2
            for each in (gy * gy, gy * gx, gx * gx, gy * target, gx * target)
        )
        start, pull = self.averaged_dense(dense), self.lam * _BLOCK_PULL
        ty, tx, yy, xx = ty + pull * start[..., 0], tx + pull * start[..., 1], yy + pull, xx + pull
        determinant = yy * xx - yx * yx
        nodes = np.stack([(xx * ty - yx * tx) / determinant, (yy * tx - yx * ty) / determinant], -1)
        return np.clip(np.rint(nodes), VECTOR_MIN, VECTOR_MAX).astype(np.int32)

    def averaged_dense(self, dense: Array) -> Array:
        means = cv2.resize(dense, self.shape[::-1], interpolation=cv2.INTER_AREA).reshape(*self.shape, 2)
        return _xy(means).astype(np.float64)

    def _moments(self, planes: list[Array], products: bool) -> Array:
        """Sums of planes under the hat functions of the four nodes around each cell between nodes.

        (planes, h + 1, w + 1, n, n): n = 2 weights, or n = 3 products of weights (00, 01, 11), by row and by column.
        """
        far = (np.arange(self.block, dtype=np.float32) + 0.5) / self.block
        weights = np.stack([1 - far, far])
        if products:
            weights = np.stack([weights[0] ** 2, weights[0] * weights[1], weights[1] ** 2])
        h, w = (count + 1 for count in self.shape)
        half = self.block // 2
        sums = []
        for plane in planes:
            padded = np.pad(plane, half).reshape(h, self.block, w * self.block)
            by_row = (weights @ padded).reshape(h, len(weights), w, self.block)
            sums.append((by_row @ weights.T).transpose(0, 2, 1, 3))
        return np.stack(sums)

    def _cell_matrices(self, planes: list[Array]) -> Array:
        """Each cell's normal matrix over its four nodes' two components, (h + 1, w + 1, 8, 8)."""
        moments = self._moments(planes, products=True)
        matrix = np.empty((*moments.shape[1:3], 2, 2, 2, 2, 2, 2))  # row, column, component; twice
        for i, k, c, j, n, d in np.ndindex(2, 2, 2, 2, 2, 2):
            matrix[:, :, i, k, c, j, n, d] = moments[c + d, :, :, i + j, k + n]
        return matrix.reshape(*moments.shape[1:3], 8, 8)

    def _gather_cells(self, moments: Array) -> Array:
        """Add cells' values (2, h + 1, w + 1, 2, 2) up to nodes (h, w, 2); nodes outside count as their edge nodes."""
        h, w = self.shape
        total = np.zeros((h + 2, w + 2, 2))
        for i, k in np.ndindex(2, 2):
            total[i : i + h + 1, k : k + w + 1] += moments[..., i, k].transpose(1, 2, 0)
        total[1] += total[0]
        total[h] += total[h + 1]
        total[:, 1] += total[:, 0]
        total[:, w] += total[:, w + 1]
        return total[1:-1, 1:-1]

    def _apply(self, matrix: Array, nodes: Array) -> Array:
        h, w = self.shape
        around = np.pad(nodes, ((1, 1), (1, 1), (0, 0)), mode="edge")
        corners = [around[i : i + h + 1, k : k + w + 1] for i, k in np.ndindex(2, 2)]
        product = matrix @ np.concatenate(corners, -1)[..., None]
        return self._gather_cells(product.reshape(h + 1, w + 1, 2, 2, 2).transpose(4, 0, 1, 2, 3))

    def _conjugate_gradients(self, matrix: Array, goal: Array, start: Array) -> Array:
        """Minimise nodes' error + stiffness * unevenness of (nodes - base) + a slight pull towards the start."""
        stiffness = self.lam * _STIFFNESS
        pull = 0.05 * stiffness + 1e-3

        def apply(nodes: Array) -> Array:
            return self._apply(matrix, nodes) + stiffness * _unevenness(nodes) + pull * nodes

        diagonal = np.einsum("hwii->hwi", matrix).reshape(*matrix.shape[:2], 2, 2, 2).transpose(4, 0, 1, 2, 3)
        scale = 1 / (self._gather_cells(diagonal) + 4 * stiffness + pull)
        nodes = start
        residual = goal + stiffness * _unevenness(self.base.astype(np.float64)) + pull * start - apply(nodes)
        direction = scale * residual
        power = float((residual * direction).sum())
        for _ in range(_SOLVER_STEPS):
            if power < 1e-9:
                break
            image = apply(direction)
            length = power / float((direction * image).sum())
            nodes = nodes + length * direction
            residual = residual - length * image
            preconditioned = scale * residual
            last, power = power, float((residual * preconditioned).sum())
            direction = preconditioned + (power / last) * direction
        return nodes

    # --- greedy refinement -------------------------------------------------------------------------------------------

    def refine(self, field: Array, fields: list[Array], steps: Sequence[int]) -> Array:
        """One round over the field: each node takes the cheapest of its candidates, some of them from other fields."""
        field = field.copy()
        costs = _symbol_costs(field - self.base, self.index)
        if self.stepped:
            return self._refined_blocks(field, np.stack(list(self._candidates(field, fields, steps))), costs)
        for passes in self._independent():
            parity = (passes[0].rows[0] & 1, passes[0].columns[0] & 1)
            colour = np.zeros((*self.shape, 1), bool)
            colour[parity[0] :: 2, parity[1] :: 2] = True
            tried = [np.where(colour, each, field) for each in self._candidates(field, fields, steps)]
            errors = np.stack([self.errors(each) for each in tried])
            vectors = np.stack(tried)
            for each in passes:
                bits = _RateOfPass(each, field - self.base, costs, self.index).bits(vectors - self.base)
                total = errors[(slice(None), *each.nodes)] + self.lam * bits
                choice = np.argmin(total, 0)[None, ..., None]
                field[each.nodes] = np.take_along_axis(vectors[(slice(None), *each.nodes)], choice, 0)[0]
        return field

    def _refined_blocks(self, field: Array, vectors: Array, costs: Array) -> Array:
        """`refine` where blocks have errors of their own, so that one warp serves a candidate for all of them."""
        errors = np.stack([self.errors(each) for each in vectors])
        for passes in self._independent():
            rate: _RateOfPass | None = None
            for each in passes:
                rate = _RateOfPass(each, field - self.base, costs, self.index, rate)
                total = errors[(slice(None), *each.nodes)] + self.lam * rate.bits(vectors - self.base)
                choice = np.argmin(total, 0)[None, ..., None]
                field[each.nodes] = np.take_along_axis(vectors[(slice(None), *each.nodes)], choice, 0)[0]
        return field

    def _independent(self) -> list[list[PyramidPass]]:
        """The pyramid's passes, grouped by the parity of their nodes: supports in a group don't overlap."""
        groups: dict[tuple[int, int], list[PyramidPass]] = {}
        for each in pyramid(self.shape):
            groups.setdefault((each.rows[0] & 1, each.columns[0] & 1), []).append(each)
        return list(groups.values())

    def _candidates(self, field: Array, fields: list[Array], steps: Sequence[int]) -> Iterator[Array]:
        yield field
        yield self._predicted(field)
        yield from fields
        for row, column in STEPS_AROUND:
            for step in steps:
                yield np.clip(field + np.array((row * step, column * step), np.int32), VECTOR_MIN, VECTOR_MAX)
        around = np.pad(field, ((1, 1), (1, 1), (0, 0)), mode="edge")
        sides = [around[1 + r : 1 + r + self.shape[0], 1 + c : 1 + c + self.shape[1]] for r, c in STEPS_AROUND]
        yield from sides
        yield (np.sum(sides, 0, dtype=np.int32) + 2) >> 2

    def _predicted(self, field: Array) -> Array:
        """What each node would be with symbol 0, its neighbours given."""
        delta = field - self.base
        predicted = np.zeros_like(delta)
        for each in pyramid(self.shape):
            predicted[each.nodes] = each.predict(delta, self.index)[0]
        return np.clip(self.base + predicted, VECTOR_MIN, VECTOR_MAX)


class _RateOfPass:
    """Bits that hang on a pass's nodes: their own symbols, and those of the nodes that they predict, whose other
    neighbours and contexts are taken as they are."""

    def __init__(
        self,
        each: PyramidPass,
        delta: Array,
        costs: Array,
        reference: int,
        before: _RateOfPass | None = None,
    ) -> None:
        """before: of another pass, whose view of what nodes are predicted from serves, though it's older."""
        self.each, self.delta, self.costs = each, delta, costs
        self.prediction, self.context = each.predict(delta, reference)
        if before is not None:
            self.total, self.count, self.contexts = before.total, before.count, before.contexts
            return
        # Per node of the field: what its neighbours add up to, how many they are, and its context.
        self.total = np.zeros_like(delta)
        self.count = np.ones((*delta.shape[:2], 1), np.int32)
        self.contexts = np.zeros(delta.shape[:2], np.int64)
        for other in pyramid(delta.shape[:2]):
            if not other.neighbours:
                continue
            sides = [(delta[rows[:, None], columns], inside[..., None]) for rows, columns, inside in other.neighbours]
            self.total[other.nodes] = sum(np.where(inside, values, 0) for values, inside in sides)
            self.count[other.nodes] = sum(inside.astype(np.int32) for _, inside in sides)
            self.contexts[other.nodes] = other.predict(delta, reference)[1]

    def _price(self, residual: Array, context: Array) -> Array:
        """Bits of residuals (..., 2), both components together."""
        return self.costs[context[..., None], wrap(residual) - SYMBOL_MIN].sum(-1)

    def bits(self, candidates: Array) -> Array:
        """Bits for each of the candidate differences (n, h, w, 2), at the pass's nodes: (n, n rows, n columns)."""
        tried = candidates[(slice(None), *self.each.nodes)]
        bits = self._price(tried - self.prediction, self.context)
        change = tried - self.delta[self.each.nodes]
        for rows, columns, valid in self._predicted_nodes():
            total, count = self.total[rows[:, None], columns] + change, self.count[rows[:, None], columns]
            residual = self.delta[rows[:, None], columns] - (2 * total + count) // (2 * count)
            bits += np.where(valid, self._price(residual, self.contexts[rows[:, None], columns]), 0)
        return bits

    def _predicted_nodes(self) -> Iterator[tuple[Array, Array, Array]]:
        """Nodes on one side, at one step, that the pass's nodes help to predict: rows, columns (clipped), and whether
        each is one. Vertically a node predicts at step s if its row is an even and its column any multiple of s."""
        rows, columns = self.each.rows, self.each.columns
        for step in STEPS:
            for row, column in STEPS_AROUND:
                row_unit, column_unit = (2 * step, step) if row else (step, 2 * step)
                if rows[0] % row_unit or columns[0] % column_unit:
                    continue
                to_rows, to_columns = rows + row * step, columns + column * step
                h, w = self.delta.shape[:2]
                valid = ((to_rows >= 0) & (to_rows < h))[:, None] & ((to_columns >= 0) & (to_columns < w))
                yield np.clip(to_rows, 0, h - 1), np.clip(to_columns, 0, w - 1), valid


def _symbol_costs(delta: Array, reference: int) -> Array:
    """Bits of each symbol in each context, (CONTEXT_COUNT, 256), as the field's own best tables have them.

    Contexts are first blended with all symbols together, so that few symbols don't pick an extreme table.
    """
    counts = symbol_counts(delta, reference).astype(np.float64)
    together = counts.sum(0) + 1e-3
    blended = counts + 4 * together / together.sum()
    chosen, _ = choose_scale_index(blended)
    return scale_costs()[chosen]


def _xy(vectors: Array) -> Array:
    """(dy, dx) to OpenCV's (dx, dy), or back."""
    return np.ascontiguousarray(vectors[..., ::-1])


def _unevenness(nodes: Array) -> Array:
    """Half the gradient of the sum of squared differences between neighbours."""
    result = np.zeros_like(nodes)
    vertical, horizontal = np.diff(nodes, axis=0), np.diff(nodes, axis=1)
    result[1:] += vertical
    result[:-1] -= vertical
    result[:, 1:] += horizontal
    result[:, :-1] -= horizontal
    return result


def _at(values: Array, flow: Array) -> Array:
    """Values (a plane, or a flow) at the places that a flow points to, linearly interpolated."""
    rows, columns = flow.shape[:2]
    positions = np.dstack(np.meshgrid(np.arange(columns), np.arange(rows))).astype(np.float32) + flow[..., ::-1]
    return cv2.remap(values, positions, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)


def upsampled(plane: Array) -> Array:
    """An 8-bit plane on a grid of quarter samples, (4H, 4W) uint8; sample (y, x) lies at (4y, 4x)."""
    height, width = plane.shape
    finer = np.empty((height, QUARTER, width, QUARTER), np.uint8)
    for column in range(QUARTER):
        across = _interpolated(plane, column, axis=1)
        for row in range(QUARTER):
            finer[:, row, :, column] = _interpolated(across, row, axis=0)
    return finer.reshape(QUARTER * height, QUARTER * width)


def _interpolated(plane: Array, phase: int, axis: int) -> Array:
    if not phase:
        return plane
    taps = np.array(_TAPS[phase - 1], np.float32) / 64
    kernel = taps[:, None] if axis == 0 else taps[None]
    anchor = (0, 3) if axis == 0 else (3, 0)
    return cv2.filter2D(plane, -1, kernel, anchor=anchor, borderType=cv2.BORDER_REPLICATE)
