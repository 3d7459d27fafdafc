"""Questions to a run. Each returns one frozen value with `to_json()` (plain data) and `__rich__()` (text)."""

from __future__ import annotations

from curation.look.questions.account import NoSuchAccount, account
from curation.look.questions.contamination import contamination
from curation.look.questions.diff import diff
from curation.look.questions.duplicates import duplicates
from curation.look.questions.estimate import estimate
from curation.look.questions.grep import BadPattern, grep
from curation.look.questions.ledger import ledger
from curation.look.questions.near import near
from curation.look.questions.profile import profile
from curation.look.questions.sample import BadSample, SampleRequest, sample
from curation.look.questions.whatif import what_if
from curation.look.questions.why import UnknownPage, why
