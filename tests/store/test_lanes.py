"""What a destination is told of a lane: what the other side called its first message, and what was tried before."""

from slo.core.delivery import Action, Ambiguous, Dropped, Lane, Retry, Sent, Verdict
from slo.store.journal import Journal
from tests.store.making import NOW, attempt, message, put


def begun(store: Journal, verdict: Verdict) -> Lane:
    head = store.due(NOW)[0]
    lane = store.begin(head.sequence, credential="", now=NOW)
    store.finish(head.sequence, verdict, now=NOW, not_before=None)
    return lane


def test_what_follows_a_trigger_is_given_what_the_other_side_called_it(store: Journal) -> None:
    put(store, message("t"), message("n", Action.NOTE), message("r", Action.RESOLVE))
    assert begun(store, Sent(reference="OPS-7")) == Lane()
    assert begun(store, Sent(reference="a comment")) == Lane(reference="OPS-7")
    assert begun(store, Sent()) == Lane(reference="OPS-7")


def test_another_lane_has_another_reference_and_a_new_trigger_a_new_one(store: Journal) -> None:
    put(store, message("t"), message("other", key="k2"), message("t2"), message("u", Action.UPDATE))
    attempt(store, Sent(reference="OPS-7"))
    assert begun(store, Sent(reference="OPS-8")).reference == "", "the other lane"
    attempt(store, Sent(reference="OPS-9"))
    assert begun(store, Sent()).reference == "OPS-9"


def test_a_destination_knows_that_it_may_have_been_sent_before(store: Journal) -> None:
    put(store, message("t"))
    verdicts: list[Verdict] = [Ambiguous(reason="timeout"), Retry(reason="reset"), Sent()]
    assert [begun(store, verdict).attempts for verdict in verdicts] == [0, 1, 2]


def test_what_there_is_nothing_to_send_of_is_over_and_its_lane_goes_on(store: Journal) -> None:
    put(store, message("t"), message("n", Action.NOTE), message("r", Action.RESOLVE))
    attempt(store, Sent(reference="OPS-7"))
    begun(store, Dropped())
    assert begun(store, Sent()) == Lane(reference="OPS-7")
    states = {each.message.id: (each.state, each.last_reason) for each in store.deliveries("i1")}
    assert states["n"] == ("superseded", "not_for_this_destination")
