"""Lab 10's verdicts say what came out, whichever way it came out."""

import pytest
from access_samples import DRAINED, FLOODS, LEAKS, REVOKED, SAID, USUAL
from card_faults import texts

from lab_kit.measure.guess import Guess
from lab_kit.show.access import drain_moving, draining, flood, leaks, revocations, saying
from lab_kit.show.draw import card
from lab_kit.show.draw.display import picture_bundle
from lab_kit.show.draw.verdict import Sign


@pytest.mark.parametrize(
    ("name", "sign", "said"),
    [
        ("quick", Sign.INSIDE, "21 of 21 streams ended within 1,000 ms; the last, over WebSocket,"),
        ("late", Sign.OVER, "1 of 2 streams ended within 1,000 ms; the last, over gRPC, after"),
        ("one", Sign.INSIDE, "1 of 1 streams ended within 1,000 ms"),
    ],
)
def test_the_last_stream_decides(name: str, sign: Sign, said: str) -> None:
    verdict = revocations.revocations_verdict(REVOKED[name])
    assert verdict.sign is sign
    assert verdict.told.startswith(said)


def test_each_wire_has_its_row_and_the_goal_is_the_labs_own() -> None:
    found = REVOKED["quick"]
    drawing = revocations.draw_revocations(found)
    verdict = revocations.revocations_verdict(found)
    assert "300 ms" not in picture_bundle(drawing, verdict)["text/html"]
    table = revocations.tabulate_revocations(found)
    assert len(table.rows) == 7
    assert table.rows[0][1:5] == ("3", "40", "50", "120")
    with pytest.raises(ValueError, match="max"):
        revocations.revocations([])


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("marked", "long took 16 times the compute of short. The server marks long as costly."),
        ("few", "long took 19 times the compute of short. The server marks nobody: that takes 20"),
        ("free", "took inf times the compute of silent"),
    ],
)
def test_who_is_marked_is_the_servers_word(name: str, said: str) -> None:
    assert said in flood.flood_verdict(FLOODS[name]).told


@pytest.mark.parametrize(
    ("name", "sign", "said"),
    [
        (
            "usual",
            Sign.INSIDE,
            "4 refused; 2 of 2 who waited for their whole request were admitted. 1",
        ),
        (
            "broken",
            Sign.OVER,
            "3 refused; 0 of 1 who waited for their whole request were admitted.",
        ),
        ("never refused", Sign.UNSAID, "Nobody waited for a whole request: this machine"),
        ("dear", Sign.UNSAID, "Nobody waited for a whole request"),
    ],
)
def test_who_waits_as_told_decides(name: str, sign: Sign, said: str) -> None:
    verdict = draining.drain_verdict(DRAINED[name])
    assert verdict.sign is sign
    assert said in verdict.told


def test_what_was_reserved_and_what_it_cost_is_told_for_each_kind_of_sound() -> None:
    told = draining.drain_verdict(DRAINED["usual"]).told
    assert "speech 200 ms, cost 70; silence 200 ms, cost 0." in told
    rows = draining.tabulate_drained(DRAINED["usual"]).rows
    assert [row[2] for row in rows[:5]] == ["-", "-", "0.610", "0.430", "-"]
    assert rows[4][4] == "yes"
    assert rows[5][3] == "9", "at a tenth of a second in a second"


def test_who_was_refused_is_said_while_it_moves() -> None:
    assert "4 answered, 4 refused" in drain_moving.running_verdict(USUAL).told


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("usual", "3 stretches silenced, 4.7 s of 12.0 s. 6 other words: +200 ms at the median"),
        ("early", "6 other words: -400 ms at the median"),
        ("nothing personal", "0 stretches silenced, 0.0 s of 2.0 s."),
        ("nothing told", "1 stretch silenced, 1.7 s of 2.0 s. No word was shown in both"),
    ],
)
def test_what_was_silenced_and_who_had_to_wait_is_told(name: str, said: str) -> None:
    assert said in saying.said_verdict(SAID[name]).told


def test_every_word_stands_at_its_time_and_no_personal_one_does() -> None:
    found = SAID["usual"]
    words = texts(card.render(saying.draw_said(found), saying.said_verdict(found)))
    assert "[phone]," in words
    assert "morning," in words
    rows = {row[0]: row for row in saying.tabulate_said(found).rows}
    assert rows["morning,"][3:] == ("+10", "+210")
    assert rows["[name]."][3:] == ("-", "-")


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("usual", "as recognized. Least, 14 % of 7: phone."),
        ("all", "Found whole: 100 % of 3 as said, 100 % of 3 as recognized."),
        ("none", "Found whole: - of 0 as said, - of 0 as recognized."),
    ],
)
def test_what_is_found_and_what_least_of_all(name: str, said: str) -> None:
    assert leaks.leaks_verdict(LEAKS[name]).told.endswith(said)
    assert leaks.tabulate_leaks(LEAKS[name]).rows[0][0] == "all kinds"


def test_a_guess_is_held_against_what_came_out() -> None:
    kept: list[object] = []
    guess = Guess("", lambda _, came: kept.append(came), 3.0)
    revocations.revocations(REVOKED["quick"], guess)
    flood.flood(FLOODS["few"], guess)
    saying.said(SAID["usual"], guess)
    leaks.leaks(LEAKS["all"], guess)
    assert kept == [pytest.approx(v) for v in (120.0, 19.0, 200.0, 100.0)]
    saying.said(SAID["nothing told"], guess)
    leaks.leaks(LEAKS["none"], guess)
    assert len(kept) == 4, "what gives no figure is not compared"
