"""Whether a user namespace can be made here, and why not."""

from __future__ import annotations

import ctypes
import os
from ctypes import byref, c_void_p
from typing import List, NamedTuple, Optional

from . import _library
from ._constants import ProbeFlag, ReasonKind, Step
from ._library import library
from ._snapshot import _array, _error, _flags

__all__ = ["Probe", "Reason", "probe"]


class Reason(NamedTuple):
    """A reason why a step of a probe fails."""

    kind: ReasonKind
    #: Whether an experiment or a file proves it. Otherwise it is likely.
    is_proved: bool
    #: A sentence without a final full stop: the file that decides, its value, and what an
    #: administrator can do.
    text: str


class Probe(NamedTuple):
    """What came of a probe."""

    #: The steps that were tried; none with read_only=True.
    tried: Step
    #: Those of them that worked.
    worked: Step
    #: The first step that failed.
    failed_step: Optional[Step]
    #: The error of that step, a value of the kernel.
    error: Optional[OSError]
    #: Those that are proved first.
    reasons: List[Reason]


def probe(
    steps: Step = Step(0), *, read_only: bool = False, one_by_one: bool = False, subids: bool = False
) -> Probe:
    """Find out whether the caller can make a user namespace and use it, and if not, why.

    The steps are tried with those that they include; by default all. The keywords are the flags
    USERNS_PROBE_READ_ONLY, _ONE_BY_ONE and _SUBIDS of userns.h. Raises OSError for the errors of
    userns_probe(). That a step fails is not an error.
    """
    if not 0 <= steps < 1 << 64:
        raise ValueError("steps is not a number of 64 bits")
    flags = _flags(ProbeFlag, read_only=read_only, one_by_one=one_by_one, subids=subids)
    options = _library.ProbeOptions(size=ctypes.sizeof(_library.ProbeOptions), flags=flags, steps=steps)
    address = c_void_p()
    error = library.userns_probe(byref(options), byref(address))
    if error < 0:
        raise _error(error)
    try:
        return _copy(address)
    finally:
        library.userns_probe_free(address)


def _copy(probe: c_void_p) -> Probe:
    """Copies all that a probe of the library tells."""
    failed = library.userns_probe_failed_step(probe)
    error = -library.userns_probe_error(probe)
    reasons = (c_void_p(reason) for reason in _array(library.userns_probe_reasons, probe))
    return Probe(
        Step(library.userns_probe_tried(probe)),
        Step(library.userns_probe_worked(probe)),
        Step(failed) if failed else None,
        OSError(error, os.strerror(error)) if error else None,
        [
            Reason(
                ReasonKind(library.userns_reason_kind(reason)),
                library.userns_reason_is_proved(reason),
                os.fsdecode(library.userns_reason_text(reason)),
            )
            for reason in reasons
        ],
    )
