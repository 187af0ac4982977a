"""What the acts of consent of one person say of lists that they left and may have back.

Law: pure; the acts come in as they were done, the oldest first. Taking back gives no more than what was ended: who had
never agreed to a list has not agreed by leaving it.
"""

from __future__ import annotations

from collections.abc import Sequence

from ..records import Consent, ConsentAct


def lists_of_last_withdrawal(acts: Sequence[Consent]) -> list[int]:
    """The lists that the newest withdrawal from all lists ended, by number."""
    withdrawn = [act for act in acts if act.act is ConsentAct.WITHDRAWN]
    everywhere = [act for act in withdrawn if act.list_id is None]
    if not everywhere:
        return []
    last = everywhere[-1].at, everywhere[-1].evidence
    return [one.list_id for one in withdrawn if one.list_id is not None and (one.at, one.evidence) == last]


def agreed_lists(acts: Sequence[Consent]) -> set[int]:
    """The lists, by number, to which they agreed at some time: by an act of its own, or in words when it came back."""
    return {
        act.list_id
        for act in acts
        if act.list_id is not None and (act.act is ConsentAct.GIVEN or (act.act is ConsentAct.RESTORED and act.words))
    }
