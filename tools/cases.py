"""Cases of the vectorised arithmetic, which no `if` shows: clamps that clamp, wraps that wrap, phases, kinds, contexts.

Functions of the decoder are wrapped while streams are decoded; each wrapper looks at what goes in or comes out.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any
from unittest.mock import patch

import numpy as np

from nvcodec.bitstream import filters
from nvcodec.bitstream.filters import FILTER_CLASSES, LARGEST_COEFFICIENT, LEAST_COEFFICIENT
from nvcodec.bitstream.limits import MAX_STEP_ROWS
from nvcodec.bitstream.residual_headers import (
    BINARY_CONTEXTS,
    BINARY_CONTEXTS_7,
    CHOICE_CONTEXTS,
    INTRA_CONTEXTS,
    RESIDUAL_LEVELS,
    TABLE_SETS,
    VALUE_CONTEXTS,
    VALUE_CONTEXTS_7,
)
from nvcodec.decoder import decoder, gop, motion, network_unit, residual, task, vector_field
from nvcodec.entropy import LAPLACE_COUNT, SymbolDecoder, latents
from nvcodec.synthesis import (
    adaptive_filter,
    alignment,
    arithmetic,
    coefficients_7,
    deblocking,
    grid_context,
    splits,
    transform,
    vector_base,
)
from nvcodec.synthesis import coefficients as synthesis_coefficients
from nvcodec.synthesis import intra as synthesis_intra
from nvcodec.synthesis.alignment import EIGHT_TAPS, PHASES, NumpyLibrary
from nvcodec.synthesis.numpy_backend import NumpyOperations
from nvcodec.synthesis.splits import SPLIT_CONTEXTS
from nvcodec.synthesis.vectors import CONTEXT_COUNT, VECTOR_MAX, VECTOR_MIN, PyramidPass, field_shape

ENDS = ("below", "above")
CLAMPED = (
    "6.3 embedding, grid profile",
    "6.3 embedding, motion profile",
    "6.4 context input",
    "6.4 mean",
    "6.4 scale index",
    "6.6 sample",
    "6.7 activation",
    "6.9 mask",
    "6.10 scaled vector",
    "5.8 vector",
    "6.11 row between nodes",
    "6.11 row or column of the plane, rows",
    "6.11 row or column of the plane, columns",
    "6.11 interpolated sample",
    "6.11 half samples of eight taps",
    "6.12 coefficient",
    "6.13 sample with residual",
    "6.15 change",
    "6.15 sample beside an edge",
    "6.16 sample",
    "5.9 filter's coefficient",
    "5.3 wrapped weight",
    "5.4 wrapped window weight",
    "7.2 wrapped latent",
    "7.10 new vector",
)
"""Values that are clamped or wrapped, by section of the specification."""

PLANE_KINDS = ("luma", "chroma")
CHROMA_PLANES = ("400", "420", "422", "444")
CONTEXTS = {
    **{
        f"{section} {what}, set {number}, {kind}, level {level}": counts[level]
        for section, binary, value in (
            ("7.7", BINARY_CONTEXTS, VALUE_CONTEXTS),
            ("7.12", BINARY_CONTEXTS_7, VALUE_CONTEXTS_7),
        )
        for number in range(TABLE_SETS)
        for kind in PLANE_KINDS
        for level in reversed(range(RESIDUAL_LEVELS))
        for what, counts in (("binary", binary), ("value", value))
    },
    "7.9 choices": CHOICE_CONTEXTS,
    "7.11 intra": INTRA_CONTEXTS,
    "7.10 splits": SPLIT_CONTEXTS,
}
"""Groups of contexts: how many each has."""


def context_case(group: str, number: int) -> str:
    """The case that a context of a group comes up."""
    return f"{group}, context {number}"


BETWEEN = tuple(f"{direction}: {t} of 2" for direction in ("rows", "columns") for t in (0, 1))
"""Exact positions of chroma."""
SINGLE_CASES = (
    *(f"{name}: {end}" for name in CLAMPED for end in ENDS),
    *(f"6.2 leaky: {sign}" for sign in ("negative", "not negative")),
    "6.3 window weights at their limit",
    *(f"6.4 kind {kind}, {role}" for role, kinds in (("grid", 3), ("inter", MAX_STEP_ROWS)) for kind in range(kinds)),
    *(f"6.11 phase {row} {column}" for row in range(PHASES) for column in range(PHASES)),
    *(f"6.11 phase {row} {column} of eight taps" for row in range(PHASES) for column in range(PHASES)),
    *(f"6.11 between quarter samples, {part}" for part in ("rows: 0 of 1", *BETWEEN)),
    *(f"6.11 stepped, {chroma}, blocks of {1 << log2}" for chroma in CHROMA_PLANES for log2 in range(3, 7)),
    *(f"6.10 resampled to {blocks} blocks" for blocks in ("smaller", "equal", "larger")),
    *(f"7.2 mean's offset {offset}" for offset in range(-4, 4)),
    *(f"7.6 context {context}" for context in range(CONTEXT_COUNT)),
    *(f"6.12 part of a block: {side}" for side in ("rows", "columns")),
    *(
        f"6.13 references: {references}, network: {network}, residual: {coded}"
        for references in range(3)
        for network in (0, 1)
        for coded in (0, 1)
    ),
    *(
        f"6.13 choice {choice}, {chroma}, blocks of {1 << log2}"
        for choice in range(3)
        for chroma in CHROMA_PLANES
        for log2 in (3, 4, 5)
    ),
    *(
        f"6.14 intra, {chroma}, blocks of {1 << log2}, references: {references}"
        for chroma in CHROMA_PLANES
        for log2 in (3, 4, 5)
        for references in (1, 2)
    ),
    *(f"6.14 known of four samples: {known}" for known in range(5)),
    *(f"6.14 missing: {which}" for which in ("none", "all", "some")),
    *(f"6.15 samples of {bits} bits" for bits in ("8", "more")),
    *(f"6.15 {edges}: {found}" for edges in ("step", "sides") for found in ("too large", "small")),
    *(
        f"6.16 class {number}{turned}, {blocks}"
        for number in range(FILTER_CLASSES)
        for turned in ("", ", transposed")
        for blocks in ("all blocks", "blocks with coefficients")
    ),
    *(f"6.16 samples of {bits} bits" for bits in ("8", "more")),
    *(f"7.1 symbol under a table of two symbols: {end}" for end in ENDS),
    *(f"7.7 value {value}" for value in (-129, -1, 1, 127)),
    *(f"7.7 mean's offset {offset}" for offset in range(-4, 4)),
    *(f"7.7 value near a prediction {beyond}wrapped" for beyond in ("", "not ")),
    *(f"7.7 level 3, neighbours: {count}" for count in range(5)),
    "7.7 flags without a coefficient",
    *(f"7.10 blocks of {1 << level}: {parts}" for level in (4, 5, 6) for parts in (1, 2, 4)),
)
"""Those that no group of contexts has."""
CASES = (*SINGLE_CASES, *(context_case(group, number) for group, count in CONTEXTS.items() for number in range(count)))
"""All there are."""

Note = Callable[[str], None]


@contextmanager
def noted_cases() -> Iterator[set[str]]:
    """The cases that come up inside."""
    found: set[str] = set()
    with ExitStack() as stack:
        for place, name, watch in _watches(found.add):
            stack.enter_context(patch.object(place, name, watch(getattr(place, name))))
        yield found


def _ends(note: Note, name: str, values: Any, low: float, high: float) -> None:
    """Note where values lie outside low..high."""
    if np.min(values, initial=low) < low:
        note(f"{name}: below")
    if np.max(values, initial=high) > high:
        note(f"{name}: above")


Watch = Callable[[Callable[..., Any]], Callable[..., Any]]


def _watches(note: Note) -> Iterator[tuple[Any, str, Watch]]:
    """(where a function is looked up, its name, what wraps it)."""

    def before(look: Callable[..., None]) -> Watch:
        def watch(function: Callable[..., Any]) -> Callable[..., Any]:
            def wrapped(*args: Any, **options: Any) -> Any:
                look(*args, **options)
                return function(*args, **options)

            return wrapped

        return watch

    # the set, the kind of plane and the level of which contexts come next; the size of pictures whose blocks are split
    now: dict[str, Any] = {}
    most, wrap_range = arithmetic.ACTIVATION_MAX, (arithmetic.LATENT_MIN, arithmetic.LATENT_MAX)

    def parameters(output: Any, channels: int) -> None:
        _ends(note, "6.4 mean", output[:, :channels], -arithmetic.MEAN_LIMIT, arithmetic.MEAN_LIMIT)
        indices = np.floor((output[:, channels:] + 1) / 2) + arithmetic.SCALE_BIAS
        _ends(note, "6.4 scale index", indices, 0, 39)

    def samples(picture: Any, bit_depth: int) -> None:
        shift = arithmetic.PICTURE_FRACTION_BITS - bit_depth
        rounded = np.floor((picture + ((1 << shift) >> 1)) / (1 << shift)) + (1 << (bit_depth - 1))
        _ends(note, "6.6 sample", rounded, 0, (1 << bit_depth) - 1)

    def embedded(terms: dict[int, int], grids: dict[int, Any], step: Any, background: Any) -> None:
        if sum(abs(weight) for weight in terms.values()) == arithmetic.WINDOW_WEIGHT_LIMIT:
            note("6.3 window weights at their limit")
        total = 0 if background is None else background
        total = total + sum(grids[grid] * (step * weight)[:, None, None] for grid, weight in terms.items())
        _ends(note, "6.3 embedding, grid profile", np.floor((total + 32) / 64), -most, most)

    def scaled(field: Any, numerator: int, denominator: int) -> None:
        values = (2 * numerator * field.astype(np.int64) + denominator) // (2 * denominator)
        _ends(note, "6.10 scaled vector", values, VECTOR_MIN, VECTOR_MAX)

    def kind_of(backend: Any, config: Any, level: Any, size: Any, previous: Any, coarser: Any, kind: int) -> None:
        note(f"6.4 kind {kind}, {config.role}")

    def blended(ops: Any, window: Any, mask: Any, residual: Any) -> None:
        one = 1 << arithmetic.MASK_FRACTION_BITS
        _ends(note, "6.9 mask", np.floor(mask / (1 << arithmetic.MASK_SHIFT)) + one // 2, 0, one)

    def phases(plane_shape: Any, dy: Any, dx: Any, rows: Any, columns: Any, library: Any, margin: int) -> None:
        taps = " of eight taps" if margin == EIGHT_TAPS.margin else ""
        for pair in np.unique(PHASES * (dy & 3) + (dx & 3)):
            note(f"6.11 phase {pair // PHASES} {pair % PHASES}{taps}")

    def clamped(library: Any, values: Any, low: int, high: int) -> None:
        caller = sys._getframe(2)
        names = {
            "phase_planes": "6.11 interpolated sample",
            "_nodes": "6.11 row between nodes",
            "_row_indices": "6.11 row or column of the plane, rows",
            "_column_indices": "6.11 row or column of the plane, columns",
        }
        if caller.f_code.co_name in names:
            half = caller.f_code.co_name == "phase_planes" and low
            _ends(note, "6.11 half samples of eight taps" if half else names[caller.f_code.co_name], values, low, high)

    def stepped(reference: Any, vectors: Any, block_log2: int, chroma: str, scale: int, **options: Any) -> None:
        if options["stepped"]:
            note(f"6.11 stepped, {chroma}, blocks of {1 << block_log2}")

    def resampled(field: Any, before_log2: int, after_log2: int, shape: Any) -> None:
        blocks = "equal" if before_log2 == after_log2 else "smaller" if after_log2 < before_log2 else "larger"
        note(f"6.10 resampled to {blocks} blocks")

    def split_blocks(function: Callable[..., Any]) -> Callable[..., Any]:
        def wrapped(root: Any, block_log2: int, finest_log2: int, size: Any, answers: Any) -> Any:
            now["size"] = size
            return function(root, block_log2, finest_log2, size, answers)

        return wrapped

    def asked(self: Any, level: int, contexts: Any, *others: Any) -> None:
        for context in np.unique(contexts):
            note(context_case("7.10 splits", context))

    def asked_of_parts(self: Any, level: int, contexts: Any, parts: Any, question: int) -> None:
        asked(self, level, contexts)
        if question == 0:  # of all parts of the blocks that are split
            columns = field_shape(*now["size"], level - 1)[1]
            blocks = (parts // columns >> 1) * columns + (parts % columns >> 1)
            for count in np.unique(np.unique(blocks, return_counts=True)[1]):
                note(f"7.10 blocks of {1 << level}: {count}")

    def predicted(function: Callable[..., Any]) -> Callable[..., Any]:
        def wrapped(*args: Any) -> Any:
            prediction, context = function(*args)
            for number in np.unique(context):
                note(f"7.6 context {number}")
            return prediction, context

        return wrapped

    def leaky(function: Callable[..., Any]) -> Callable[..., Any]:
        def wrapped(*args: Any, **options: Any) -> Any:
            result = function(*args, **options)
            if options.get("leaky"):
                for sign, here in (("negative", result < 0), ("not negative", result >= 0)):
                    if here.any():
                        note(f"6.2 leaky: {sign}")
            return result

        return wrapped

    def offsets(mean8: Any) -> None:
        for offset in np.unique((mean8 + 4) % 8 - 4):
            note(f"7.2 mean's offset {offset}")

    def coefficients(levels: Any, qp: int) -> None:
        most_of_them = transform.COEFFICIENT_MAX
        _ends(note, "6.12 coefficient", levels * np.int64(transform.quantisation_step(qp)), -most_of_them, most_of_them)

    def blocks(levels: Any, qp: int, shape: Any, size: Any, *others: Any) -> None:
        for side, samples in zip(("rows", "columns"), size, strict=True):
            if samples % transform.BLOCK:
                note(f"6.12 part of a block: {side}")

    def residuals(planes: Any, added: Any) -> None:
        for plane, own in zip(planes, added, strict=True):
            if own is not None:
                _ends(note, "6.13 sample with residual", plane + own, 0, 4095)

    def pictures(self: Any, one: Any, aligned: Any) -> None:
        coded = any(levels is not None for levels in one.residual.levels)
        note(f"6.13 references: {len(aligned)}, network: {int(one.residual.network_flag)}, residual: {int(coded)}")

    def choices(aligned: Any, chosen: Any, block_log2: int, chroma: str, scale: int) -> None:
        for choice in np.unique(chosen):
            note(f"6.13 choice {choice}, {chroma}, blocks of {1 << block_log2}")

    def between(self: Any, shape: Any, dy: Any, dx: Any, scales_log2: Any, *others: Any) -> None:
        for direction, vectors, e in zip(("rows", "columns"), (dy, dx), scales_log2, strict=True):
            for t in np.unique(vectors & ((1 << e) - 1)):
                note(f"6.11 between quarter samples, {direction}: {t} of {1 << e}")

    def intra(window: Any, own: Any, log2: int, chroma: str, scale: int) -> None:
        note(f"6.14 intra, {chroma}, blocks of {1 << log2}, references: {len(window)}")

    def filling(plane: Any, missing: Any) -> None:
        note(f"6.14 missing: {'none' if not missing.any() else 'all' if missing.all() else 'some'}")

    def halving(plane: Any, missing: Any) -> None:
        rows, columns = (-(-size // 2) for size in missing.shape)
        padded = np.ones((2 * rows, 2 * columns), bool)
        padded[: missing.shape[0], : missing.shape[1]] = missing
        for known in np.unique((~padded).reshape(rows, 2, columns, 2).sum((1, 3))):
            note(f"6.14 known of four samples: {known}")

    def filtering(planes: Any, levels: Any, qp: int, whole: Any, bit_depth: int, scale: int) -> None:
        note(f"6.15 samples of {'8' if bit_depth == 8 else 'more'} bits")

    def adapting(plane: Any, coefficients: Any, levels: Any, bit_depth: int) -> None:
        note(f"6.16 samples of {'8' if bit_depth == 8 else 'more'} bits")
        wide = adaptive_filter.extended(plane)
        classes, transposed = adaptive_filter.block_classes(wide, bit_depth)
        changed = adaptive_filter.changed_blocks(levels, plane.shape)
        blocks = "all blocks" if levels is None else "blocks with coefficients"
        for pair in np.unique(2 * classes[changed] + transposed[changed]):
            note(f"6.16 class {pair // 2}{', transposed' if pair % 2 else ''}, {blocks}")

    def adapted(samples: Any, low: int, high: int) -> None:
        _ends(note, "6.16 sample", samples, low, high)

    def coefficient(own: Any) -> None:
        _ends(note, "5.9 filter's coefficient", own, LEAST_COEFFICIENT, LARGEST_COEFFICIENT)

    def edges(samples: Any, strip: Any, place: Any, step: int, top: int) -> None:
        p1, p0, q0, q1 = (samples[strip, place + offset] for offset in (-2, -1, 0, 1))
        small, half = np.abs(q0 - p0) < step, step >> 1
        sides = (np.abs(p1 - p0) < half) & (np.abs(q1 - q0) < half)
        for name, found in (("step", small), ("sides", sides[small])):
            for size, here in (("small", found), ("too large", ~found)):
                if here.any():
                    note(f"6.15 {name}: {size}")
        change = ((4 * (q0 - p0) + (p1 - q1) + 4) >> 3)[small & sides]
        _ends(note, "6.15 change", change, -(step >> 2), step >> 2)
        change = np.clip(change, -(step >> 2), step >> 2)
        beside = np.concatenate([p0[small & sides] + change, q0[small & sides] - change])
        _ends(note, "6.15 sample beside an edge", beside, 0, top)

    def two_symbols(function: Callable[..., Any]) -> Callable[..., Any]:
        def wrapped(self: Any, tables: Any) -> Any:
            symbols = function(self, tables)
            _ends(note, "7.1 symbol under a table of two symbols", symbols[tables >= LAPLACE_COUNT], 0, 1)
            return symbols

        return wrapped

    def values(function: Callable[..., Any]) -> Callable[..., Any]:
        def wrapped(*args: Any) -> Any:
            found = function(*args)
            if not found.size:
                note("7.7 flags without a coefficient")
            for value in np.unique(found):
                if f"7.7 value {value}" in SINGLE_CASES:
                    note(f"7.7 value {value}")
            return found

        return wrapped

    def remembered(name: str, argument: int | None = None) -> Watch:
        """Keep what a function returns, or one of its arguments."""

        def watch(function: Callable[..., Any]) -> Callable[..., Any]:
            def wrapped(*args: Any) -> Any:
                if argument is not None:
                    now[name] = args[argument]
                    return function(*args)
                now[name] = function(*args)
                return now[name]

            return wrapped

        return watch

    def walked(section: str) -> Watch:
        def look(level: int, *others: Any) -> None:
            now["walk"] = section, level

        return before(look)

    def near_prediction(symbols: Any, mean8: Any) -> None:
        for offset in np.unique((mean8 + 4) % 8 - 4):
            note(f"7.7 mean's offset {offset}")
        integer, sign, _ = latents.split_mean(mean8)
        values = integer + sign * symbols
        for wrapped in np.unique(values != latents.wrap(values)):
            note(f"7.7 value near a prediction {'' if wrapped else 'not '}wrapped")

    def lowest(own: Any, values: Any) -> None:
        for count in np.unique(own.count):
            note(f"7.7 level 3, neighbours: {count}")

    def contexts_of(what: str) -> Watch:
        def look(contexts: Any, *others: Any) -> None:
            section, level = now["walk"]
            group = f"{section} {what}, set {now['set']}, {PLANE_KINDS[now['kind']]}, level {level}"
            for context in np.unique(contexts):
                note(context_case(group, context))

        return before(look)

    def contexts_in(group: str) -> Watch:
        def look(self: Any, contexts: Any, *others: Any) -> None:
            for context in np.unique(contexts):
                note(context_case(group, context))

        return before(look)

    yield transform, "dequantise", before(coefficients)
    yield decoder, "inverse", before(blocks)
    yield decoder, "with_residual", before(residuals)
    yield decoder.Decoder, "_hybrid_planes", before(pictures)
    yield decoder, "choose_references", before(choices)
    yield SymbolDecoder, "decode", two_symbols
    yield residual._Decoding, "value", values
    yield residual, "table_set", remembered("set")
    yield residual, "plane_kind", remembered("kind")
    yield residual, "walk", walked("7.7")
    yield coefficients_7, "walk", walked("7.12")
    yield residual, "decode_residual", before(near_prediction)
    yield synthesis_coefficients, "lowest_contexts", before(lowest)
    yield residual, "binary_tables", contexts_of("binary")
    yield residual, "value_tables", contexts_of("value")
    yield residual._DecodedChoices, "binary", contexts_in("7.9 choices")
    yield residual._DecodedIntra, "binary", contexts_in("7.11 intra")
    yield alignment.Between, "__init__", before(between)
    yield decoder, "with_intra", before(intra)
    yield synthesis_intra, "filled", before(filling)
    yield synthesis_intra, "_halved", before(halving)
    yield decoder, "deblocked", before(filtering)
    yield deblocking, "_smooth", before(edges)
    yield adaptive_filter, "filtered", before(adapting)
    yield adaptive_filter, "clamp", before(adapted)
    yield filters, "clamped", before(coefficient)
    yield grid_context, "symbol_parameters", before(parameters)
    yield (
        grid_context,
        "context_input",
        before(lambda grid: _ends(note, "6.4 context input", 256.0 * grid, -most, most)),
    )
    yield gop, "grid_parameters", before(kind_of)
    yield motion, "grid_parameters", before(kind_of)
    yield gop, "embed", before(embedded)
    yield (
        decoder,
        "embed_latents",
        before(
            lambda values, step: _ends(note, "6.3 embedding, motion profile", values * step[:, None, None], -most, most)
        ),
    )
    yield decoder, "to_samples", before(samples)
    yield NumpyOperations, "clamp", before(lambda ops, x: _ends(note, "6.7 activation", x, -most, most))
    yield NumpyOperations, "conv", leaky
    yield NumpyOperations, "blend", before(blended)
    yield vector_base, "scale_field", before(scaled)
    yield vector_base, "resample_field", before(resampled)
    yield task, "align_picture", before(stepped)
    yield motion, "walk_splits", split_blocks
    yield vector_field.SplitDecoder, "split", before(asked)
    yield vector_field.SplitDecoder, "binary", before(asked_of_parts)
    yield (
        splits,
        "add_differences",
        before(lambda own, symbols: _ends(note, "7.10 new vector", own + symbols, VECTOR_MIN, VECTOR_MAX)),
    )
    yield (
        motion,
        "add_differences",
        before(lambda base, delta: _ends(note, "5.8 vector", base + delta, VECTOR_MIN, VECTOR_MAX)),
    )
    yield PyramidPass, "predict", predicted
    yield alignment, "sample_indices", before(phases)
    yield NumpyLibrary, "clamp", before(clamped)
    yield network_unit, "wrap", before(lambda values: _ends(note, "5.3 wrapped weight", values, *wrap_range))
    yield gop, "wrap", before(lambda values: _ends(note, "5.4 wrapped window weight", values, *wrap_range))
    yield latents, "wrap", before(lambda values: _ends(note, "7.2 wrapped latent", values, *wrap_range))
    yield latents, "split_mean", before(offsets)
