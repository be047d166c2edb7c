"""Everything that can be chosen occurs in a golden record."""

from tests.golden.coverage import UNRECORDED, could_occur, occur
from tests.golden.declared import RECORDS


def test_everything_that_can_be_chosen_occurs_in_a_record():
    found = set()
    for record in RECORDS.values():
        for configuration in record.configurations():
            found |= occur(configuration)
    missing = could_occur() - found
    assert missing == set(UNRECORDED), "\n".join(
        [f"occurs in no golden record: {what}" for what in sorted(missing - set(UNRECORDED))]
        + [f"is said to occur in none, but does: {what}" for what in sorted(set(UNRECORDED) - missing)]
    )
