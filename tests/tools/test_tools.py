"""What the tools work out by themselves: tables, x264's search, BD-rates in words, J, colours, comparisons."""

import math
import os
import subprocess
import sys
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import ablation
import backends
import curves
import decode_speed
import measure
import numpy as np
import picture
import progress
import pytest
import rd_page
import records
import staged_decoding
import tables
import variants
import x264

import demo
from nvcodec.decoder import Decoder
from nvcodec.decoder.decoder import SCALES
from nvcodec.decoder.trace import bytes_read, scale_cost
from nvcodec.encoder.encode import ProgressEvent
from nvcodec.encoder.presets import default_model, preset_of
from nvcodec.encoder.settings import EncodeSettings
from nvcodec.metrics import PsnrAccumulator
from nvcodec.video import Frame, VideoFormat
from tests.streams import motion_stream

ROOT = Path(__file__).resolve().parents[2]
PLAN = backends.StreamPlan("420", 8, 32, 16, 2)


def run_script(*arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, *arguments]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("script", ["ablation", "backends", "decode_speed", "demo", "rd"])
def test_help_shows_the_usage(script: str) -> None:
    result = run_script(f"tools/{script}.py", "--help")
    assert result.returncode == 0, result.stderr
    assert f"Usage: {script}.py" in result.stdout


def test_a_missing_file_is_one_line_and_status_1() -> None:
    result = run_script("tools/decode_speed.py", "nowhere.msn")
    assert result.returncode == 1
    assert result.stderr.count("\n") == 1
    assert "nowhere.msn" in result.stderr


class TestTables:
    ROWS = (("a", "1"), ("bcd", "23.5"))

    def test_plain(self) -> None:
        assert tables.text_table(("", "bytes"), self.ROWS).splitlines() == [
            "     bytes",
            "---  -----",
            "a        1",
            "bcd   23.5",
        ]

    def test_markdown(self) -> None:
        assert tables.markdown_table(("", "bytes"), self.ROWS).splitlines() == [
            "|     | bytes |",
            "| --- | ----: |",
            "| a   |     1 |",
            "| bcd |  23.5 |",
        ]

    def test_rows_must_have_the_headers_length(self) -> None:
        with pytest.raises(ValueError, match="zip"):
            tables.text_table(("", "bytes"), [("a",)])


class TestX264:
    @pytest.mark.parametrize("limit", [1500, 10_000, 123_456, 2_000_000])
    def test_search_ends_just_below_the_limit(self, limit: int) -> None:
        tried: list[float] = []

        def size_at(crf: float) -> int:
            tried.append(crf)
            return round(1e6 * 2 ** (-crf / 5.3))

        size = size_at(x264.search_crf(size_at, limit))
        assert size <= limit
        assert size > 0.99 * limit or limit > 800_000
        assert len(tried) <= x264.TRIES + 2

    def test_search_gives_the_smallest_where_all_are_above(self) -> None:
        assert x264.search_crf(lambda crf: 5000, 100) == x264.HIGHEST_CRF

    def test_search_where_sizes_jump(self) -> None:
        crf = x264.search_crf(lambda crf: 100_000 if crf < 20 else 1000, 50_000)
        assert 20 <= crf < 21

    def test_a_real_clip(self, tiny_y4m: Path, tmp_path: Path) -> None:
        made = x264.encode_x264_within(tiny_y4m, 2000, "yuv420p")
        assert 500 < len(made.data) <= 2000
        path = tmp_path / "x264.h264"
        path.write_bytes(made.data)
        assert measure.compare_files(tiny_y4m, path).mean_y > 30

    def test_no_video(self, tmp_path: Path) -> None:
        with pytest.raises(x264.X264Failed, match=r"text\.mkv"):
            x264.encode_x264(tmp_path / "text.mkv", 30, "yuv420p")


def curve(codec: str, rates: list[float], qualities: list[float]) -> list[curves.Point]:
    pairs = zip(rates, qualities, strict=True)
    return [curves.Point("clip", codec, round(1000 * rate), rate, db - 1, db) for rate, db in pairs]


class TestCurves:
    ANCHOR = curve("x264", [1, 2, 4, 8], [30, 33, 36, 39])

    def test_twice_the_rate(self) -> None:
        words = curves.bd_rate_words(self.ANCHOR, curve("ours", [2, 4, 8, 16], [30, 33, 36, 39]))
        assert words == "+100.0 % over 30.0 to 39.0 dB"

    def test_partial_overlap_is_said(self) -> None:
        words = curves.bd_rate_words(self.ANCHOR, curve("ours", [1, 2, 4, 8], [24, 27, 30, 34]))
        assert words.endswith("over 30.0 to 34.0 dB, only 40 % of our curve's range")

    def test_no_overlap_is_said(self) -> None:
        words = curves.bd_rate_words(self.ANCHOR, curve("ours", [1, 2, 4, 8], [20, 21, 22, 23]))
        assert words.startswith("none: the curves share no quality")

    def test_too_few_points_are_said(self) -> None:
        assert curves.bd_rate_words(self.ANCHOR, self.ANCHOR[:3]).startswith("none: ")

    def test_points_by_name_and_rate(self) -> None:
        found = curves.curves_of([*reversed(self.ANCHOR), *curve("svtav1", [3], [31])])
        assert list(found) == ["svtav1", "x264"]
        assert found["x264"] == self.ANCHOR

    def test_a_curve_is_named_for_what_differs(self) -> None:
        point = curves.OurPoint("clip", "fast", 7.0, 3, 0.01)
        assert point.curve == "nvcodec hybrid fast, 7 passes, seed 3"
        grid = replace(point, profile="grid")
        assert grid.curve == "nvcodec grid fast, 7 passes, seed 3"
        assert grid.settings != point.settings
        own = curves.OurPoint("clip", "medium", preset_of("hybrid", "medium").epochs, 0, 0.01)
        assert own.curve == "nvcodec hybrid medium"

    def test_page_needs_no_other_file(self) -> None:
        figure = rd_page.draw_curves("clip", {"x264": self.ANCHOR})
        page = rd_page.html_page(
            {"a<b": (rd_page.inline_svg(figure, "clip"), {"x264": self.ANCHOR}, [["o", "x", "+1 %"]])}
        )
        assert "a&lt;b" in page
        assert "<svg" in page
        assert "src=" not in page


class TestRecords:
    def test_round_trip_and_appending(self, tmp_path: Path) -> None:
        path = tmp_path / "points.csv"
        points = [curves.OurPoint("clip", "fast", 0.1 + 0.2, 0, lam, 5, 0.1) for lam in (1e-7, 0.3)]
        assert records.read_records_if_any(path, curves.OurPoint) == []
        for point in points:
            records.write_records(path, [point], append=True)
        assert records.read_records(path, curves.OurPoint) == points

    @pytest.mark.parametrize(
        ("text", "complaint"), [("clip,codec\na,b\n", "has no column 'bytes'"), ("", None), ("clip\n", None)]
    )
    def test_columns_that_lack(self, tmp_path: Path, text: str, complaint: str | None) -> None:
        path = tmp_path / "points.csv"
        path.write_text(text)
        if complaint is None:
            assert records.read_records(path, curves.Point) == []
            return
        with pytest.raises(records.RecordsUnreadable, match=complaint):
            records.read_records(path, curves.Point)

    def test_no_number(self, tmp_path: Path) -> None:
        path = tmp_path / "points.csv"
        path.write_text("clip,codec,bytes,bpp,psnr_y,psnr_yuv\na,b,many,1,2,3\n")
        with pytest.raises(records.RecordsUnreadable, match="many"):
            records.read_records(path, curves.Point)

    def test_no_file(self) -> None:
        with pytest.raises(records.RecordsUnreadable, match=r"nowhere\.csv"):
            records.read_records("nowhere.csv", curves.Point)


class TestVariants:
    @pytest.mark.parametrize("variant", variants.VARIANTS, ids=lambda variant: variant.name)
    @pytest.mark.parametrize("base", [default_model(), variants.with_every_idea(default_model())])
    def test_the_model_stays_valid(self, variant: variants.Variant, base: variants.ModelConfig) -> None:
        variant.change(base).validate()

    def test_names_are_unique(self) -> None:
        assert len(variants.BY_NAME) == len(variants.VARIANTS)

    def test_every_variant_but_the_base_changes_a_full_model(self) -> None:
        full = variants.with_every_idea(default_model())
        for variant in variants.VARIANTS[1:]:
            assert variant.settings or variant.change(full) != full or variant.name == "window-all", variant.name


class TestAblation:
    def test_passes_for_a_time(self) -> None:
        assert ablation.epochs_for(100.0, lambda epochs: 5.0 + 2.0 * epochs) == pytest.approx(47.5)
        assert ablation.epochs_for(0.01, lambda epochs: 5.0 + 2.0 * epochs) == ablation.SMALLEST_EPOCHS

    def test_distortion_is_the_fits(self) -> None:
        format_ = VideoFormat(4, 4, "420", 8, Fraction(25))
        source = [np.full(shape, 100, np.uint8) for shape in format_.plane_shapes]
        accumulator = PsnrAccumulator(8)
        for step in (2, 4):
            accumulator.add(source, [source[0] + step, source[1] + 2 * step, source[2]])
        squares = [0.75 * step**2 + 0.25 * (4 * step**2) / 2 for step in (2, 4)]
        assert ablation.mean_distortion(accumulator) == pytest.approx(sum(squares) / 2 / 256**2)

    def test_table_states_j_against_the_base(self) -> None:
        base = ablation.Result("clip", "default", 1, 0.01, 0, "full", False, 1000, 0.1, "30 31 32 33", 1, 2, 60, 1e-3)
        worse = replace(base, variant="no-skip", distortion=1.2e-3)
        same = replace(base, variant="window-all", same_as_full=True)
        lines = ablation.table_text([base, worse, same]).splitlines()
        assert lines[0].startswith("clip, base: default, 1 minutes")
        cells = [[cell.strip() for cell in line.split("|")[1:-1]] for line in lines[4:]]
        assert cells[0][-2:] == ["+0.0", "+0.00"]
        assert cells[1][-2:] == ["+10.0", f"{-10 * math.log10(1.1):+.2f}"]
        assert cells[2][1] == "= base"

    def test_it_stays_on_the_grid_profile(self, tiny_y4m: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(sys, "argv", ["ablation.py", str(tiny_y4m), "--minutes", "1"])
        args = ablation.read_arguments()
        run = ablation.Ablation(measure.open_clip(tiny_y4m), args)
        for variant in variants.VARIANTS:
            assert EncodeSettings(**run.settings_of(variant)).resolved_models(1000)[0].role == "grid"

    def test_unknown_variant(self) -> None:
        with pytest.raises(ablation.UnknownVariant, match="no-such"):
            ablation.chosen_variants("full,no-such")

    def test_clock_stops_at_the_last_step(self) -> None:
        clock = ablation.FitClock()
        clock.see(ProgressEvent("read", 5, 5))
        assert not clock.is_done
        clock.see(ProgressEvent("refine", 999, 1000))
        assert not clock.is_done
        clock.see(ProgressEvent("refine", 1000, 1000))
        assert clock.is_done


class TestPictures:
    def grey(self, luma: int, **changes: object) -> Frame:
        video = replace(VideoFormat(5, 3, "420", 8, Fraction(25)), **changes)
        half = 1 << (video.bit_depth - 1)
        levels = (luma, half, half)
        planes = [np.full(shape, level, video.dtype) for shape, level in zip(video.plane_shapes, levels, strict=False)]
        return Frame(tuple(planes), 0, video)

    @pytest.mark.parametrize(
        ("frame", "level"),
        [
            ({"luma": 16}, 0),
            ({"luma": 235}, 255),
            ({"luma": 16, "full_range": True}, 16),
            ({"luma": 940, "bit_depth": 10, "chroma_format": "444"}, 255),
            ({"luma": 4095, "bit_depth": 12, "full_range": True, "chroma_format": "400"}, 255),
        ],
    )
    def test_greys(self, frame: dict[str, object], level: int) -> None:
        rgb = picture.to_rgb(self.grey(**frame))
        assert rgb.shape == (3, 5, 3)
        assert (rgb == level).all()

    def test_matrix_named_by_the_format(self) -> None:
        # Pure red, limited range, by BT.601 and by BT.709.
        for matrix, levels in ((6, (81, 90, 240)), (1, (63, 102, 240))):
            video = VideoFormat(2, 2, "444", 8, Fraction(25), colour=(2, 2, matrix))
            planes = tuple(np.full((2, 2), level, np.uint8) for level in levels)
            red = picture.to_rgb(Frame(planes, 0, video))[0, 0].astype(int)
            assert abs(red - (255, 0, 0)).max() <= 2

    def test_without_a_name_the_size_decides(self) -> None:
        video = VideoFormat(16, 16, "420", 8, Fraction(25))
        assert picture.luma_weights(video) == picture.MATRICES[picture.BT601]
        assert picture.luma_weights(replace(video, height=720)) == picture.MATRICES[picture.BT709]

    def test_panels_are_pixel_exact(self, tmp_path: Path) -> None:
        from matplotlib.image import imread

        one, two = (np.full((6, 10, 3), level, np.uint8) for level in (255, 100))
        path = tmp_path / "panels.png"
        picture.save_panels(path, [("", one), ("", two)])
        drawn = imread(path)
        assert drawn.shape[:2] == (2 * 6 + picture.CAPTION_PIXELS, 40)
        assert np.allclose(drawn[-12:, 20:, :3], 100 / 255, atol=0.01)


class TestMeasuring:
    def test_a_decoded_stream(self, tiny_y4m: Path, tiny_msn: Path, tmp_path: Path) -> None:
        clip = measure.open_clip(tiny_y4m)
        for number, scale in enumerate(SCALES):
            path = tmp_path / "decoded.y4m"
            decoding = measure.decode_to_file(tiny_msn, path, scale=scale, threads=1, verify=True)
            assert decoding.pictures == clip.picture_count
            from_file = measure.compare_files(tiny_y4m, path, number)
            assert from_file.pictures_db == measure.compare_stream(clip, tiny_msn, scale, 1).pictures_db

    def test_counts_must_agree(self, tiny_frames: list[Frame]) -> None:
        for ours in (tiny_frames[:-1], [*tiny_frames, tiny_frames[0]], []):
            with pytest.raises(measure.CountsDiffer):
                measure.compare(tiny_frames, ours)

    @pytest.mark.parametrize("profile", ["grid", "motion"])
    def test_stages_add_up(self, profile: str, tiny_grid_msn: Path, tmp_path: Path) -> None:
        path = tiny_grid_msn
        if profile == "motion":
            path = tmp_path / "motion.msn"
            path.write_bytes(motion_stream("motion")[0])
        job = staged_decoding.Job(str(path), "onnxruntime", "1/2", 1, 1, start=1, stop=4, with_stages=True)
        outcome = staged_decoding.run_job(job)
        assert outcome.pictures == 3
        times = dict(outcome.stage_seconds)
        assert tuple(times) == ("entropy", "alignment", "network", "output")
        if profile == "motion":
            assert min(times.values()) > 1e-5
        else:
            assert times.pop("alignment") < min(times.values())
        assert outcome.peak_bytes > 1e6

    def test_costs_of_a_motion_stream(self, tmp_path: Path) -> None:
        path = tmp_path / "motion.msn"
        path.write_bytes(motion_stream("motion")[0])
        rows = decode_speed.bytes_rows(str(path))
        with Decoder(path) as decoder:
            assert [row[1] for row in rows] == [f"{scale_cost(decoder, s).total / 1000:.2f}" for s in range(4)]
            assert [row[5] for row in rows] == [str(bytes_read(decoder, s)) for s in range(4)]

    def test_what_progress_says(self) -> None:
        event = ProgressEvent("fit", 400, 1000, loss=0.1, psnr_db=31.23, rate_bpp=0.1519)
        assert progress.describe(event) == "fit, 40 %, 31.2 dB, 0.152 bpp"
        assert progress.describe(ProgressEvent("verify", 3, 10)) == "verify"

    @pytest.mark.parametrize(("ours_db", "side"), [(30.0, "below"), (40.0, "above")])
    def test_the_demos_verdict(self, ours_db: float, side: str) -> None:
        ours, other = PsnrAccumulator(8), PsnrAccumulator(8)
        ours.pictures_db, other.pictures_db = [(ours_db,)], [(35.0,)]
        said = demo.verdict(ours, other, 1000, 990)
        assert said.startswith(f"Ours is 5.00 dB luma PSNR {side} x264, which took 1.0 % fewer bytes.")


class TestBackends:
    def test_sources_are_the_same_each_time(self) -> None:
        once, again = ([frame.tobytes() for frame in backends.moving_pictures(PLAN)] for _ in range(2))
        assert once == again
        assert once[0] != once[1]

    def test_plans_cover_every_format(self) -> None:
        assert len(backends.PLANS) >= 12
        assert {plan.chroma_format for plan in backends.PLANS} == {"400", "420", "422", "444"}
        assert {plan.bit_depth for plan in backends.PLANS} == {8, 10, 12}
        motion = [plan for plan in backends.PLANS if plan.variant == backends.MOTION]
        assert {plan.chroma_format for plan in motion} == {"400", "420", "422", "444"}

    def test_a_motion_stream(self) -> None:
        plan = replace(PLAN, variant=backends.MOTION, pictures=3)
        with Decoder(backends.make_stream(plan, 1)) as decoder:
            assert decoder.sequence.motion
            assert len(decoder) == 3

    def test_equal_and_different(self, monkeypatch: pytest.MonkeyPatch) -> None:
        configurations = [("numpy", 1, "cpu"), ("onnxruntime", 2, "cpu")]
        rows, differing = backends.compare_decoders(PLAN, 1, configurations)
        assert differing == 0
        assert [row[3] for row in rows] == list(SCALES)
        assert {row[5] for row in rows} == {"2 of 2"}
        monkeypatch.setattr(backends, "make_stream", lambda plan, epochs: b"")
        monkeypatch.setattr(backends, "decoded_digest", lambda *given: (given[2], ""))
        rows, differing = backends.compare_decoders(PLAN, 1, configurations)
        assert differing == len(SCALES)
        assert rows[0][6] == "onnxruntime 2 cpu: onnxruntime"
