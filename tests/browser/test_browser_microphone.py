"""The reader's own voice: a real capture in Chromium, from a file that plays for ever."""

import re
from collections.abc import Callable
from importlib.resources import files

import numpy as np
import pytest
from hang import HANG_S
from notebook_page import Lab, NotebookPage, errors_of, eventually
from playwright.sync_api import Page
from test_jupyterlab import write_notebook

from lab_kit.audio import signals
from lab_kit.audio.pcm import FloatArray

Open = Callable[[str], NotebookPage]
CELLS = (
    "from lab_kit import Bench, show\nbench = Bench.start()",
    "voice = show.microphone()\nrun = show.live(bench, voice)",
)


def words(page_text: str) -> set[str]:
    return set(re.findall("[a-z]+", page_text.lower()))


def test_what_is_spoken_in_the_browser_is_transcribed(lab: Lab, open_notebook: Open) -> None:
    write_notebook(lab, "voice.ipynb", *CELLS)
    notebook = open_notebook("voice.ipynb")
    notebook.run_all()
    page = notebook.page
    button = page.locator(".lab-microphone-button")
    button.wait_for()
    assert button.inner_text() == "Use the microphone"
    button.click()
    page.get_by_text("The kernel hears you.").wait_for()
    notebook.screenshot("speaking")
    said = {"best", "worst", "times"}
    heard = page.locator(".jp-OutputArea-output")
    eventually(
        "the words come out", lambda: said <= words(" ".join(heard.all_inner_texts())), HANG_S
    )
    button.click()
    eventually("it is off", lambda: button.inner_text() == "Use the microphone")
    eventually("the run has ended", lambda: page.get_by_text("ended", exact=True).count())
    assert run_in(notebook, "print(voice.lost_s < 1, voice.clock_error_s < 1, run.error)") == (
        "True True None"
    )
    told = run_in(notebook, "c = run.calls[-1]; print(c.spoken, c.name, len(c.received) > 2)")
    assert told == "() your microphone True"
    notebook.screenshot("spoken")


def test_one_s_own_voice_goes_over_a_wire_and_a_line_beside_others(
    lab: Lab, open_notebook: Open
) -> None:
    write_notebook(
        lab,
        "wires.ipynb",
        "from lab_kit import Bench, datasets, show\nfrom lab_kit.client import Wire\n"
        "from lab_kit.experiments import load\nbench = Bench.start()",
        "run = show.live(bench, show.microphone(), wire=Wire.GRPC,\n"
        "    network=load.Network(one_way_s=0.03),\n"
        "    crowd=load.Stairs((2,), step_s=300.0), clips=[datasets.clip('two-cities-best')])",
    )
    notebook = open_notebook("wires.ipynb")
    notebook.run_all()
    page = notebook.page
    button = page.locator(".lab-microphone-button")
    button.click()
    page.get_by_alt_text("2 others speak").wait_for()
    transcript = page.locator(".lab-live-transcript")
    eventually("a word comes out", lambda: "times" in words(transcript.inner_text()))
    notebook.screenshot("speaking")
    button.click()
    eventually("the run has ended", lambda: page.get_by_text("ended", exact=True).count())
    told = run_in(notebook, "print(run.error, [c.wire for c in run.calls], run.others.refused)")
    assert told == "None ['gRPC'] 0"
    assert page.get_by_text("over gRPC, 30 ms each way").count()
    notebook.screenshot("spoken")


def test_a_source_is_chosen_and_started_by_keyboard(lab: Lab, open_notebook: Open) -> None:
    write_notebook(lab, "chosen.ipynb", CELLS[0], "run = show.live(bench)")
    notebook = open_notebook("chosen.ipynb")
    notebook.run_all()
    page = notebook.page
    status = page.locator(".lab-live-status")
    running = page.locator(".lab-live-status", has_text="running")
    running.wait_for()
    choice = page.get_by_label("Stream", exact=True)
    assert choice.input_value() == "two-cities-opening"
    choice.focus()
    page.keyboard.press("Home")
    page.locator(".lab-microphone-button").wait_for()
    eventually("the clip has ended", lambda: status.inner_text() == "ended")
    notebook.screenshot("list")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.get_by_text("The kernel hears you.").wait_for()
    transcript = page.locator(".lab-live-transcript")
    eventually("the words come out", lambda: "times" in words(transcript.inner_text()))
    page.keyboard.press("Enter")
    eventually("the run has ended", lambda: status.inner_text() == "ended")
    assert run_in(notebook, "print(run.error, run.calls[-1].name)") == "None your microphone"
    button = page.locator(".lab-microphone-button")
    eventually("it is off", lambda: button.inner_text() == "Use the microphone")


@pytest.mark.parametrize(
    ("microphone", "what_to_do"),
    [("refused", "Allow it for this page"), ("missing", "Plug one in")],
    indirect=["microphone"],
)
def test_without_a_microphone_the_page_says_what_to_do(
    lab: Lab, open_notebook: Open, what_to_do: str
) -> None:
    write_notebook(lab, "refused.ipynb", *CELLS)
    notebook = open_notebook("refused.ipynb")
    notebook.run_all()
    page = notebook.page
    page.locator(".lab-microphone-button").click()
    note = page.locator(".lab-microphone-note")
    eventually("it says what to do", lambda: what_to_do in note.inner_text())
    notebook.screenshot("refused")
    told = run_in(notebook, "print(voice.is_on, run.is_running, voice.refusal == '')")
    assert told == "False False False"


LEFT = "dispatchEvent(new PageTransitionEvent('pagehide'))"
"""What a page is told when its reader goes on to another one."""


@pytest.mark.parametrize("is_closed", [False, True], ids=["left", "closed"])
def test_a_page_that_goes_ends_the_stream(lab: Lab, open_notebook: Open, is_closed: bool) -> None:
    """One that is left says so; one that is closed may have no time to, and is silent then."""
    write_notebook(
        lab,
        "closed.ipynb",
        *CELLS,
        "from pathlib import Path\nimport threading, time\n"
        "def watch():\n"
        "    while not run.is_running: time.sleep(0.1)\n"
        "    while run.is_running: time.sleep(0.1)\n"
        "    Path('ended').write_text(repr(run.error))\n"
        "threading.Thread(target=watch, daemon=True).start()",
    )
    notebook = open_notebook("closed.ipynb")
    notebook.run_all()
    page = notebook.page
    page.locator(".lab-microphone-button").click()
    page.get_by_text("The kernel hears you.").wait_for()
    ended = lab.folder / "ended"
    ended.unlink(missing_ok=True)
    if is_closed:
        page.close()
    else:
        page.evaluate(LEFT)
    eventually("the stream has ended", ended.exists)
    told = eventually("it is told how", ended.read_text)
    assert told == "None" or (is_closed and "no sound from the page" in told)


RENDER = """async ([code, rateHz, toneHz]) => {
    const capture = await import(URL.createObjectURL(new Blob(
        [code, "\\nexport { captureWorklet };"], {type: "text/javascript"})));
    const context = new OfflineAudioContext(1, rateHz, rateHz);
    await context.audioWorklet.addModule(URL.createObjectURL(new Blob(
        [capture.captureWorklet], {type: "text/javascript"})));
    const node = new AudioWorkletNode(context, "lab-capture");
    const chunks = [];
    node.port.onmessage = ({data}) => chunks.push(data);
    const tone = new OscillatorNode(context, {frequency: toneHz});
    tone.connect(node).connect(context.destination);
    tone.start();
    await context.startRendering();
    await new Promise(done => setTimeout(done, 300));
    return chunks.map(({pcm, endS, lostS}) => [[...new Int16Array(pcm)], endS, lostS]);
}"""


def test_sound_is_resampled_without_what_16_khz_has_no_room_for(
    lab: Lab, open_notebook: Open
) -> None:
    write_notebook(lab, "tones.ipynb", "1")
    code = files("lab_kit.audio.sources").joinpath("browser_capture.js").read_text("utf-8")
    page = open_notebook("tones.ipynb").page
    for rate_hz in (48_000, 44_100, 96_000, 16_000):
        for tone_hz in (440, 6_000):
            sound = captured(page, code, rate_hz, tone_hz)
            assert level_db(sound) == pytest.approx(0, abs=0.5), (rate_hz, tone_hz)
            assert signals.strongest_hz(sound, 16_000) == pytest.approx(tone_hz, abs=2)
        if rate_hz > 22_050:
            assert level_db(captured(page, code, rate_hz, 11_000)) < -50, rate_hz


GAP = """([code]) => {
    globalThis.sampleRate = 48_000;
    globalThis.currentFrame = 0;
    globalThis.AudioWorkletProcessor = class {
        constructor() { this.port = {postMessage: told => globalThis.told.push(told)}; }
    };
    globalThis.told = [];
    globalThis.registerProcessor = (name, made) => { globalThis.Capture = made; };
    new Function(code + "\\nreturn captureWorklet;")();
    new Function(new Function(code + "\\nreturn captureWorklet;")())();
    const capture = new globalThis.Capture();
    const hear = (level, blocks) => {
        for (let n = 0; n < blocks; n++) {
            capture.process([[new Float32Array(128).fill(level)]]);
            globalThis.currentFrame += 128;
        }
    };
    hear(0.5, 338);
    globalThis.currentFrame += 3 * 48_000;
    hear(0, 375);
    return globalThis.told.map(({pcm, lostS}) => [[...new Int16Array(pcm)], lostS]);
}"""


def test_a_gap_of_the_page_is_silence_and_counted(lab: Lab, open_notebook: Open) -> None:
    """The class that the audio thread runs, driven by hand over a jump of three seconds."""
    write_notebook(lab, "gap.ipynb", "1")
    code = files("lab_kit.audio.sources").joinpath("browser_capture.js").read_text("utf-8")
    chunks = open_notebook("gap.ipynb").page.evaluate(GAP, [code])
    assert sum(lost_s for _, lost_s in chunks) == pytest.approx(3.0)
    sound = np.concatenate([samples for samples, _ in chunks])
    loud_s = float(np.sum(np.abs(sound) > 8_000)) / 16_000
    assert loud_s == pytest.approx(338 * 128 / 48_000, abs=0.01), (
        "what was heard once is heard once"
    )


def captured(page: Page, code: str, rate_hz: int, tone_hz: int) -> FloatArray:
    """A second of a tone through the page's own capture, without the filter's beginning."""
    chunks = page.evaluate(RENDER, [code, rate_hz, tone_hz])
    assert len(chunks) >= 23, "a second in chunks of 40 ms, but for the filter's length"
    ends_s = [0.04 * n for n in range(1, len(chunks) + 1)]
    assert [end_s for _, end_s, _ in chunks] == pytest.approx(ends_s, abs=1e-3)
    assert all(lost_s == 0 for _, _, lost_s in chunks)
    samples = np.concatenate([samples for samples, _, _ in chunks])[1_600:]
    return np.asarray(samples / 32_767, np.float32)


def level_db(sound: FloatArray) -> float:
    """Against a full sine."""
    return float(10 * np.log10(np.mean(sound**2) * 2 + 1e-12))


def run_in(notebook: NotebookPage, code: str) -> str:
    """What ``code`` prints in a new last cell."""
    page = notebook.page
    page.keyboard.press("Escape")
    page.locator(".jp-Cell").last.click()
    page.keyboard.press("Escape")
    page.keyboard.press("b")
    page.keyboard.press("Enter")
    page.keyboard.insert_text(code)
    page.keyboard.press("Control+Enter")
    done = notebook.finish()
    assert errors_of(done) == []
    return str(done.cells[-1].outputs[0].text).strip()
