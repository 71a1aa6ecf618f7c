"""Ids."""

from stepmill.engine.ids import new_id


def test_ids_are_in_the_order_of_their_making() -> None:
    ids = [new_id("job") for _ in range(1000)]
    assert ids == sorted(set(ids))
    assert {len(each) for each in ids} == {len("job_") + 26}
