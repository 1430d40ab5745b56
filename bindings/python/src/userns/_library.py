"""Loads libuserns and declares its functions, as in userns.h."""

from __future__ import annotations

import ctypes
from ctypes import POINTER, c_bool, c_char_p, c_int, c_int32, c_size_t, c_uint32, c_uint64, c_void_p
from pathlib import Path
from typing import Any, Dict, Tuple

SONAME = "libuserns.so.0"


class Options(ctypes.Structure):
    """struct userns_options"""

    _fields_ = [
        ("size", c_size_t),
        ("proc_path", c_char_p),
        ("flags", c_uint64),
        ("limit", c_uint64),
    ]


class Info(ctypes.Structure):
    """struct userns_info"""

    _fields_ = [
        ("size", c_uint32),
        ("flags", c_uint32),
        ("inode", c_uint64),
        ("device", c_uint64),
        ("id", c_uint64),
        ("parent", c_uint64),
        ("owner", c_uint64),
        ("type", c_uint32),
        ("owner_uid", c_uint32),
    ]


class ProbeOptions(ctypes.Structure):
    """struct userns_probe_options"""

    _fields_ = [("size", c_uint32), ("flags", c_uint32), ("steps", c_uint64)]


class Extent(ctypes.Structure):
    """struct userns_extent"""

    _fields_ = [("inside", c_uint32), ("outside", c_uint32), ("count", c_uint32)]


class Charge(ctypes.Structure):
    """struct userns_charge"""

    _fields_ = [("uid", c_uint32), ("count", c_uint32)]


# The C types by their names in the header.
_bool = c_bool
_enum = c_uint32
_pid = c_int32
_string = c_char_p
_id = c_uint32  # a UID, GID or project id
_handle = c_void_p  # an object: a snapshot, node, nonuser namespace, pin, change, probe, reason
_handles = POINTER(c_void_p)
_pids = POINTER(_pid)
_extents = POINTER(Extent)
_count = POINTER(c_size_t)

# The result and the parameters of each function.
_PROTOTYPES: Dict[str, Tuple[Any, ...]] = {
    "userns_version": (_string,),
    "userns_version_number": (c_uint32,),
    "userns_strerror": (_string, c_int),
    "userns_scan": (c_int, POINTER(Options), POINTER(_handle)),
    "userns_free": (None, _handle),
    # Snapshots
    "userns_root": (_handle, _handle),
    "userns_roots": (_handles, _handle, _count),
    "userns_nodes": (_handles, _handle, _count),
    "userns_self": (_handle, _handle),
    "userns_find_inode": (_handle, _handle, c_uint64),
    "userns_find_id": (_handle, _handle, c_uint64),
    "userns_find_pid": (_handle, _handle, _pid),
    "userns_nonusers": (_handles, _handle, _count),
    "userns_source": (_enum, _handle),
    "userns_source_error": (c_int, _handle),
    "userns_source_log": (_string, _handle),
    "userns_empty_source": (_enum, _handle),
    "userns_time": (c_uint64, _handle),
    "userns_boot_id": (_string, _handle),
    "userns_pid_namespace": (c_uint64, _handle),
    "userns_gaps": (c_uint32, _handle),
    "userns_gap_count": (c_size_t, _handle, c_uint32),
    "userns_process_name": (_string, _handle, _pid),
    "userns_process_uid": (_bool, _handle, _pid, POINTER(_id)),
    "userns_process_capabilities": (_bool, _handle, _pid, POINTER(c_uint64)),
    "userns_process_pids": (_pids, _handle, _pid, _count),
    "userns_process_cgroup": (_string, _handle, _pid),
    "userns_capable": (c_int, _handle, _pid, c_int, _handle, POINTER(c_uint32)),
    # Nodes
    "userns_inode": (c_uint64, _handle),
    "userns_device": (c_uint64, _handle),
    "userns_id": (c_uint64, _handle),
    "userns_flags": (c_uint32, _handle),
    "userns_depth": (c_uint32, _handle),
    "userns_owner_uid": (_bool, _handle, POINTER(_id)),
    "userns_parent": (_handle, _handle),
    "userns_children": (_handles, _handle, _count),
    "userns_pids": (_pids, _handle, _count),
    "userns_is_ancestor": (_bool, _handle, _handle),
    "userns_pins": (_handles, _handle, _count),
    "userns_owned": (_handles, _handle, _count),
    "userns_uid_map": (_extents, _handle, _count),
    "userns_gid_map": (_extents, _handle, _count),
    "userns_projid_map": (_extents, _handle, _count),
    "userns_translate_uid": (c_int, _handle, _id, _handle, POINTER(_id)),
    "userns_translate_gid": (c_int, _handle, _id, _handle, POINTER(_id)),
    "userns_translate_projid": (c_int, _handle, _id, _handle, POINTER(_id)),
    "userns_charges": (POINTER(Charge), _handle, _count),
    "userns_limit": (_bool, _handle, POINTER(c_uint64)),
    # Nonuser namespaces
    "userns_nonuser_type": (c_int, _handle),
    "userns_nonuser_type_name": (_string, _handle),
    "userns_nonuser_inode": (c_uint64, _handle),
    "userns_nonuser_id": (c_uint64, _handle),
    "userns_nonuser_owner": (_handle, _handle),
    "userns_nonuser_parent": (_handle, _handle),
    "userns_nonuser_member_count": (c_size_t, _handle),
    "userns_nonuser_pins": (_handles, _handle, _count),
    # Pins
    "userns_pin_kind": (_enum, _handle),
    "userns_pin_pid": (_pid, _handle),
    "userns_pin_tid": (_pid, _handle),
    "userns_pin_descriptor": (c_int, _handle),
    "userns_pin_path": (_string, _handle),
    "userns_pin_is_overmounted": (_bool, _handle),
    "userns_pin_may_be_locked": (_bool, _handle),
    "userns_pin_nonuser": (_handle, _handle),
    # Changes
    "userns_compare": (c_int, _handle, _handle, POINTER(_handle)),
    "userns_changes_free": (None, _handle),
    "userns_changes": (_handles, _handle, _count),
    "userns_change_kind": (_enum, _handle),
    "userns_change_node": (_handle, _handle),
    "userns_change_pid": (_pid, _handle),
    # Actions
    "userns_open": (c_int, _handle),
    "userns_nonuser_open": (c_int, _handle),
    "userns_describe": (c_int, c_int, POINTER(Info)),
    "userns_probe": (c_int, POINTER(ProbeOptions), POINTER(_handle)),
    "userns_probe_free": (None, _handle),
    "userns_probe_tried": (c_uint64, _handle),
    "userns_probe_worked": (c_uint64, _handle),
    "userns_probe_failed_step": (c_uint64, _handle),
    "userns_probe_error": (c_int, _handle),
    "userns_probe_reasons": (_handles, _handle, _count),
    "userns_reason_kind": (_enum, _handle),
    "userns_reason_is_proved": (_bool, _handle),
    "userns_reason_text": (_string, _handle),
    # Saved snapshots
    "userns_save": (c_int, _handle, c_int),
    "userns_load": (c_int, c_int, POINTER(_handle)),
}


def _load() -> ctypes.CDLL:
    """Loads the library beside this file, or else the one that dlopen(3) finds."""
    bundled = Path(__file__).with_name(SONAME)
    path = str(bundled) if bundled.exists() else SONAME
    try:
        library = ctypes.CDLL(path)
    except OSError as error:
        raise ImportError(f"cannot load libuserns: {error}", name="userns", path=path) from error
    for name, (result, *parameters) in _PROTOTYPES.items():
        try:
            function = getattr(library, name)
        except AttributeError:
            message = f"{path} is older than this module: it lacks {name}()"
            raise ImportError(message, name="userns", path=path) from None
        function.restype = result
        function.argtypes = parameters
    return library


library = _load()
